// The official TypeScript client with the official Tasks extension, against our server: a generation is a task.
//   node tasks_client.mjs ADDRESS/mcp KEY
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { createTaskSessionFromClient, resultFromTaskOutcome } from "@modelcontextprotocol/ext-tasks/client";

const [url, key] = [new URL(process.argv[2]), process.argv[3]];
const protocolVersion = "2026-07-28";
const clientInfo = { name: "official-typescript-client", version: "1" };
const clientCapabilities = { extensions: { "io.modelcontextprotocol/tasks": {} } };
const authorization = `Bearer ${key}`;

const client = new Client(clientInfo, { capabilities: clientCapabilities, versionNegotiation: { mode: "auto" } });
await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers: { authorization } } }));

let id = 0;
async function rawDispatch(request) { // the methods of the extension are not the client's own: sent as they are
  const body = { jsonrpc: "2.0", id: request.id ?? `t${++id}`, method: request.method, params: request.params };
  const name = body.params?.name ?? body.params?.taskId;
  const answer = await fetch(url, {
    method: "POST",
    headers: {
      authorization, "content-type": "application/json", accept: "application/json, text/event-stream",
      "mcp-protocol-version": protocolVersion, "mcp-method": body.method, ...(name ? { "mcp-name": name } : {}),
    },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  const streamed = answer.headers.get("content-type")?.startsWith("text/event-stream");
  const message = JSON.parse(streamed ? text.split("\n").filter(line => line.startsWith("data:")).at(-1).slice(5) : text);
  return message.error ? { kind: "error", error: message.error } : { kind: "result", result: message.result };
}

const session = createTaskSessionFromClient(client, {
  endpointId: "oxen", rawDispatch, v2RequestFraming: { protocolVersion, clientInfo, clientCapabilities },
});
const execution = await session.callTool("generate_video", { prompt: "a fox, for the official client" });
const { outcome } = await execution.settle();
const result = resultFromTaskOutcome(outcome);
console.log(JSON.stringify({
  version: client.getNegotiatedProtocolVersion?.(),
  extensions: Object.keys(client.getServerCapabilities()?.extensions ?? {}),
  outcome: outcome.kind ?? outcome.status,
  answer: result.structuredContent,
}));
await session.close();
await client.close();
