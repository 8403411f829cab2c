// Writes src/protocol/generated/ from the published contract in docs/: run `npm run generate` after it changes.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { compile } from "json-schema-to-typescript";

const DOCS = new URL("../../docs/", import.meta.url);
const OUT = new URL("../src/protocol/generated/", import.meta.url);

async function schemasOf(document) {
  return JSON.parse(await readFile(new URL(document, DOCS), "utf8")).components.schemas;
}

/** Titles and defaults are for other readers: the names of the schemas are the names of the types. */
function plain(schema) {
  if (Array.isArray(schema)) return schema.map(plain);
  if (schema === null || typeof schema !== "object") return schema;
  const kept = Object.entries(schema).filter(([key, value]) => !isNoise(key, value));
  return Object.fromEntries(
    kept.map(([key, value]) => [
      key,
      key === "$ref" ? value.replace("#/components/schemas/", "#/definitions/") : plain(value),
    ]),
  );
}

/** A property may be called `title`; then its value is a schema. Bounds would become tuples. */
function isNoise(key, value) {
  return (key === "title" && typeof value === "string") || ["maxItems", "minItems"].includes(key);
}

async function write(document, file) {
  const schemas = plain(await schemasOf(document));
  const names = Object.keys(schemas);
  const whole = {
    type: "object",
    additionalProperties: false,
    required: names,
    properties: Object.fromEntries(names.map((name) => [name, { $ref: `#/definitions/${name}` }])),
    definitions: schemas,
  };
  const text = await compile(whole, "Schemas", {
    bannerComment: `/* Generated from docs/${document} by \`npm run generate\`: do not edit. */`,
    additionalProperties: false,
    strictIndexSignatures: true,
  });
  await writeFile(new URL(file, OUT), text);
}

await mkdir(OUT, { recursive: true });
await write("openapi.json", "rest.ts");
await write("asyncapi.json", "frames.ts");
