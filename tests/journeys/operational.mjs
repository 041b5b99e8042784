// The samples of Operational's documentation: one that sends an entry with a button, and one that is called when it is
// pressed. Theirs uses Fastify, this one what comes with Node.
import { createServer } from "node:http";

const [url, token] = process.argv.slice(2);

const server = createServer(async (request, reply) => {
  let body = "";
  for await (const chunk of request) body += chunk;
  const { actionType, data, event } = JSON.parse(body);
  console.log(JSON.stringify({ method: request.method, path: request.url, event }));
  reply.setHeader("Content-Type", "application/json");
  reply.end(JSON.stringify({ status: "success", received: { actionType, data } }));
});

server.listen(0, "127.0.0.1", async () => {
  const e = {
    name: "some event",
    avatar: "🤖",
    type: "rows",
    actions: [
      {
        url: `http://127.0.0.1:${server.address().port}/ops/action`,
        buttonText: "Press me",
        key: "press_me",
        external: false,
        expireIn: 10080,
        meta: { name: "Shash", id: 1 },
      },
    ],
  };
  const config = {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` },
    body: JSON.stringify(e),
  };
  const answer = await fetch(url, config);
  console.log(JSON.stringify({ status: answer.status, answer: await answer.json() }));
});
