// A host of MCP Apps built on the official AppBridge; bundled for the browser and driven by browse.mjs.
import { AppBridge, PostMessageTransport } from "@modelcontextprotocol/ext-apps/app-bridge";

const seen = (window.seen = { calls: [], links: [], context: [], app: null, error: null });
const answer = async (path, body) =>
  (await fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) })).json();

async function start() {
  const scene = await answer("/scene", {});
  const bridge = new AppBridge(null, { name: "host", version: "1" }, scene.capabilities);
  bridge.oncalltool = async ({ name, arguments: args }) => {
    seen.calls.push(name);
    return answer("/call", { name, arguments: args });
  };
  bridge.onopenlink = async ({ url }) => { seen.links.push(url); return {}; };
  bridge.onupdatemodelcontext = async params => { seen.context.push(params); return {}; };
  bridge.onsizechange = ({ height }) => { if (height) frame.style.height = `${height}px`; };
  bridge.oninitialized = async () => {
    seen.app = bridge.getAppVersion();
    await bridge.sendToolInput({ arguments: scene.arguments });
    await bridge.sendToolResult(scene.result ?? await answer("/call", { name: scene.tool, arguments: scene.arguments }));
  };
  const frame = document.createElement("iframe");
  frame.setAttribute("sandbox", "allow-scripts allow-same-origin");
  frame.style.cssText = "width: 640px; height: 300px; border: 0";
  document.body.append(frame);
  await bridge.connect(new PostMessageTransport(frame.contentWindow, frame.contentWindow));
  frame.src = scene.player; // from another origin, under the policy that the server declared
}

start().catch(error => { seen.error = String(error.stack || error); });
