// Checks Kubernetes manifests against the API's own schemas: required fields, types, and fields that do not exist.
//
//   node deploy/check-manifests.mjs MODULES FILE...
//
// MODULES is the directory node_modules with kubernetes-models, @kubernetes-models/prometheus-operator and js-yaml.
import { readFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [modules, ...files] = process.argv.slice(2);
const load = (file) => import(pathToFileURL(path.resolve(modules, file)));
const yaml = await load("js-yaml/dist/js-yaml.mjs");

async function model({ apiVersion, kind }) {
  const schemas = apiVersion.startsWith("monitoring.coreos.com/") ? "@kubernetes-models/prometheus-operator" : "kubernetes-models";
  return (await load(`${schemas}/${apiVersion}/${kind}.js`))[kind];
}

// The schemas refuse no field they do not know, but they never look at one either: watched reads every value through a
// proxy that takes note of the fields that were read.
function watched(value, read, at = "") {
  if (typeof value !== "object" || value === null) return value;
  return new Proxy(value, {
    get(target, field) {
      if (typeof field === "symbol" || !Object.hasOwn(target, field)) return target[field];
      const place = `${at}/${field}`;
      read.add(place);
      return watched(target[field], read, place);
    },
  });
}

function* places(value, at = "") {
  if (typeof value !== "object" || value === null) return;
  for (const [field, inner] of Object.entries(value)) {
    yield `${at}/${field}`;
    yield* places(inner, `${at}/${field}`);
  }
}

async function faults(manifest) {
  const Model = await model(manifest);
  const object = new Model(manifest);
  try {
    object.validate();
  } catch (err) {
    return [err.message];
  }
  const read = new Set();
  Model.prototype.validate.call(watched(object, read));
  const unread = [...places(manifest)].filter((place) => !read.has(place));
  return unread.filter((place) => !unread.includes(path.posix.dirname(place))).map((place) => `${place} is not a field`);
}

let checked = 0;
let failed = 0;
for (const file of files) {
  for (const manifest of yaml.loadAll(readFileSync(file, "utf8")).filter(Boolean)) {
    checked++;
    for (const fault of await faults(manifest)) {
      failed++;
      console.error(`${file}: ${manifest.kind} ${manifest.metadata?.name}: ${fault}`);
    }
  }
}
if (checked === 0) {
  console.error("there is nothing to check");
  failed++;
}
console.log(`${checked} manifests checked`);
process.exit(failed > 0 ? 1 : 0);
