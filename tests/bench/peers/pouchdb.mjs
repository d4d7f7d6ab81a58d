// A PouchDB on LevelDB, alone or behind express-pouchdb. One document a chart; a step adds its
// statements and makes a revision.
import { createHash } from "node:crypto";
import express from "express";
import expressPouchDB from "express-pouchdb";
import PouchDB from "pouchdb";
import { answer, charts } from "./answering.mjs";

const NAME = "charts";
const BATCH = 500;
let db;

answer({
  fill: async ({ folder, file }) => {
    open({ folder });
    let batch = [];
    for await (const chart of charts(file)) {
      batch.push(chart);
      if (batch.length === BATCH) await write(batch.splice(0));
    }
    await write(batch);
    await db.close();
  },
  open: (command) => void open(command),
  serve: async ({ folder, gzip }) => {
    const Here = open({ folder });
    const overrideMode = gzip ? {} : { exclude: ["compression"] };
    const settings = { mode: "minimumForPouchDB", inMemoryConfig: true, overrideMode };
    const app = express();
    app.use("/", expressPouchDB(Here, settings));
    const server = app.listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    return { port: server.address().port };
  },
  receive: async ({ port }) => finished(await db.replicate.from(remote(port))),
  sync: async ({ port }) => {
    const told = await db.sync(remote(port));
    finished(told.pull);
    finished(told.push);
  },
  change: async ({ edits }) => {
    const found = await db.allDocs({ keys: edits.map((one) => one.id), include_docs: true });
    const docs = found.rows.map((row, number) => added(row.doc, edits[number].statements));
    checked(await db.bulkDocs(docs));
  },
  digest: async () => {
    const { rows } = await db.allDocs();
    const hash = createHash("sha256");
    for (const row of rows) hash.update(`${row.id} ${row.value.rev}\n`);
    return { count: rows.length, digest: hash.digest("hex") };
  },
});

function open({ folder }) {
  const Here = PouchDB.defaults({ prefix: folder + "/" });
  db = new Here(NAME);
  return Here;
}

function remote(port) {
  return `http://127.0.0.1:${port}/${NAME}`;
}

async function write(batch) {
  let docs = batch.map((chart) => ({ _id: chart.id, statements: [] }));
  for (let step = 0; step < batch[0]?.steps.length; step++) {
    docs = docs.map((doc, number) => added(doc, batch[number].steps[step]));
    const revisions = checked(await db.bulkDocs(docs)).map((one) => one.rev);
    docs = docs.map((doc, number) => ({ ...doc, _rev: revisions[number] }));
  }
}

function added(doc, statements) {
  return { ...doc, statements: [...doc.statements, ...statements] };
}

function checked(results) {
  const refused = results.find((one) => one.error);
  if (refused) throw new Error(JSON.stringify(refused));
  return results;
}

function finished(told) {
  if (!told.ok || told.errors.length) throw new Error(JSON.stringify(told.errors));
}
