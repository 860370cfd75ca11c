// Checks what a compose file names against what it defines, and that services are confined.
//
//   node deploy/check-compose.mjs MODULES FILE...
//
// MODULES is the directory node_modules with js-yaml.
import { readFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [modules, ...files] = process.argv.slice(2);
const yaml = await import(pathToFileURL(path.resolve(modules, "js-yaml/dist/js-yaml.mjs")));

function* faults(file) {
  const used = { volumes: new Set(), secrets: new Set(), networks: new Set() };
  for (const [name, service] of Object.entries(file.services)) {
    for (const volume of service.volumes ?? []) {
      const source = volume.split(":")[0];
      if (!source.startsWith(".")) used.volumes.add(source);
    }
    for (const kind of ["secrets", "networks"]) for (const item of service[kind] ?? []) used[kind].add(item);
    for (const other of Object.keys(service.depends_on ?? {}).filter((other) => isNaN(other))) {
      if (!file.services[other]?.healthcheck) yield `${name} waits for ${other}, which has no health check`;
    }
    for (const [variable, value] of Object.entries(service.environment ?? {})) {
      const secret = /^\/run\/secrets\/(.+)$/.exec(value)?.[1];
      if (secret && !service.secrets?.includes(secret)) yield `${name}: ${variable} names the secret ${secret}, which it does not get`;
      if (/password|secret|_url$/i.test(variable) && !secret) yield `${name}: ${variable} is no file`;
    }
    if (!service.security_opt?.includes("no-new-privileges:true")) yield `${name} may gain privileges`;
    if (!/:[^:]+$/.test(service.image)) yield `${name}: the image has no version`;
  }
  for (const [kind, names] of Object.entries(used)) {
    const defined = new Set(Object.keys(file[kind] ?? {}));
    for (const name of names) if (!defined.has(name)) yield `${kind}: ${name} is used and not defined`;
    for (const name of defined) if (!names.has(name)) yield `${kind}: ${name} is defined and not used`;
  }
}

let failed = false;
for (const name of files) {
  for (const fault of faults(yaml.load(readFileSync(name, "utf8")))) {
    failed = true;
    console.error(`${name}: ${fault}`);
  }
}
process.exit(failed ? 1 : 0);
