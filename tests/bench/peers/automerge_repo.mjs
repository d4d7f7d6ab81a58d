// An automerge-repo on files, one document a chart; a step is one change. A statement is one scalar
// string, as in our own documents: texts and nested maps would only be slower.
import { createHash } from "node:crypto";
import * as Automerge from "@automerge/automerge";
import { Repo, stringifyAutomergeUrl } from "@automerge/automerge-repo";
import { WebSocketClientAdapter } from "@automerge/automerge-repo-network-websocket";
import { WebSocketServerAdapter } from "@automerge/automerge-repo-network-websocket";
import { NodeFSStorageAdapter } from "@automerge/automerge-repo-storage-nodefs";
import { WebSocketServer } from "ws";
import { answer, charts } from "./answering.mjs";

const POLL_MS = 2;
const KEEP_ALIVE_MS = 300_000; // by default it hangs up on whoever is busy for 5 s: 1,000 documents
let repo;
let adapter;
let handles = [];

answer({
  fill: async ({ folder, file }) => {
    open({ folder });
    for await (const chart of charts(file)) {
      let doc = Automerge.init();
      for (const step of chart.steps) doc = Automerge.change(doc, (draft) => add(draft, step));
      const { documentId } = address(chart.id);
      repo.import(Automerge.save(doc), { docId: documentId });
    }
    await repo.flush();
  },
  open: (command) => void open(command),
  serve: async ({ folder }) => {
    const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
    await new Promise((resolve) => server.once("listening", resolve));
    open({ folder, network: [new WebSocketServerAdapter(server, KEEP_ALIVE_MS)] });
    return { port: server.address().port };
  },
  sync: async ({ port, ids }) => {
    const heard = await attach(port);
    if (ids) handles = await Promise.all(ids.map((id) => repo.find(address(id).url)));
    await everyoneEqual(heard);
    await repo.flush();
  },
  detach: () => {
    repo.networkSubsystem.removeNetworkAdapter(adapter);
  },
  change: async ({ edits }) => {
    for (const { id, statements } of edits) {
      const handle = await repo.find(address(id).url);
      handle.change((draft) => add(draft, statements));
    }
    await repo.flush();
  },
  digest: async ({ ids }) => {
    const hash = createHash("sha256");
    for (const id of ids) {
      const doc = (await repo.find(address(id).url)).doc();
      hash.update(`${id} ${Automerge.getHeads(doc).sort()}\n`);
      if (Object.keys(doc).length === 0) throw new Error(`${id} is empty`);
    }
    return { count: ids.length, digest: hash.digest("hex") };
  },
});

function open({ folder, network = [] }) {
  repo = new Repo({ storage: new NodeFSStorageAdapter(folder), network });
}

function address(id) {
  const url = stringifyAutomergeUrl({ documentId: Uint8Array.from(Buffer.from(id, "hex")) });
  return { url, documentId: url.slice("automerge:".length) };
}

function add(draft, statements) {
  for (const statement of statements) {
    const key = `${statement.slot}/${Object.keys(draft).length}`;
    draft[key] = new Automerge.ImmutableString(JSON.stringify(statement));
  }
}

// Heads that the other side has told for each document, from now on.
async function attach(port) {
  adapter = new WebSocketClientAdapter(`ws://127.0.0.1:${port}`);
  const heard = new Map();
  adapter.on("message", (message) => {
    if (message.type !== "sync") return;
    heard.set(message.documentId, Automerge.decodeSyncMessage(message.data).heads);
  });
  const met = new Promise((resolve) => repo.networkSubsystem.once("peer", resolve));
  repo.networkSubsystem.addNetworkAdapter(adapter);
  await met; // who asks before that is told that there is no such document
  return heard;
}

// Until the other side has told, for every document, the very heads that are here.
async function everyoneEqual(heard) {
  let waiting = handles;
  while (waiting.length) {
    waiting = waiting.filter((handle) => !isEqual(handle, heard.get(handle.documentId)));
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

function isEqual(handle, theirs) {
  if (!theirs?.length) return false;
  return String(Automerge.getHeads(handle.doc()).sort()) === String([...theirs].sort());
}
