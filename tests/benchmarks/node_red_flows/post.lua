-- Events for wrk, each with an id of its own; prints one line of JSON at the end.
local first, number = 0, 0
local pad = string.rep("x", 300)
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"

function init(args)
    first = tonumber(args[1])
    for i = 2, #args do
        local name, value = args[i]:match("^([^:]+):%s*(.*)$")
        wrk.headers[name] = value
    end
end

function request()
    number = number + 1
    local body = string.format(
        '{"id":%d,"name":"Ana Souza","email":"ana@example.com","plan":"pro","amount":149.9,' ..
        '"address":{"city":"Recife","country":"BR"},"tags":["a","b"],"note":"%s"}', first + number, pad)
    return wrk.format(nil, nil, nil, body)
end

function done(summary, latency, requests)
    local errors = summary.errors
    io.write(string.format(
        '{"requests":%d,"seconds":%.6f,"p50_ms":%.3f,"p99_ms":%.3f,"failed":%d}\n',
        summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
        errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
