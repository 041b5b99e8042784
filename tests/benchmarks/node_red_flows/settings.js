// What is not said here is Node-RED's default.
module.exports = {
    uiHost: "127.0.0.1",
    uiPort: process.env.PORT,
    flowFile: process.env.FLOW,
    credentialSecret: false,
    disableEditor: true,
    httpAdminRoot: false,
    telemetry: { enabled: false },
    logging: { console: { level: "warn", metrics: false, audit: false } },
    functionGlobalContext: { pg: require("pg"), redis: require("redis") },
};
