import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { createClient, type Schemas } from '../index.js';
import { body, Server } from './server.js';

let server: Server;
before(async () => { server = await Server.start(); });
after(() => server.stop());

test('what is sent is read back with the generated client', async () => {
  const client = createClient(server.url, server.key);
  const sent = await client.POST('/v1/ingest', { body });
  const report: Schemas['Report'] | undefined = sent.data;
  assert.equal(report?.status, 'processed', JSON.stringify(sent.error));
  assert.equal(report.counts?.metrics.inserted, 10);

  const { data } = await client.GET('/v1/metrics/{name}/samples', { params: { path: { name: 'step_count' }, query: { unit: 'count' } } });
  assert.deepEqual(data?.samples.map((sample) => sample.value), [1200, 0.5]);
  assert.equal(data?.samples[0]?.start, '2026-03-10T08:00:00+01:00');

  const workouts = await client.GET('/v1/workouts', { params: { query: { start: '2026-03-10' } } });
  const id = workouts.data?.workouts[0]?.id ?? '';
  const route = await client.GET('/v1/workouts/{id}/route', { params: { path: { id }, query: { format: 'gpx' } }, parseAs: 'text' });
  assert.match(route.data ?? '', /<trkpt lat="52.5" lon="13.4">/);
});

test('a failure is a problem with a code', async () => {
  const client = createClient(server.url, server.key);
  const { error, response } = await client.GET('/v1/workouts/{id}', { params: { path: { id: '0193c0de-0000-7000-8000-000000000000' } } });
  assert.equal(response.status, 404);
  const problem: Schemas['Problem'] | undefined = error;
  assert.equal(problem?.request_id, response.headers.get('x-request-id'));

  const refused = await createClient(server.url, 'hea_no').GET('/v1/metrics');
  assert.equal(refused.response.status, 401);
});

test('an unchanged response is not sent again', async () => {
  const client = createClient(server.url, server.key);
  const first = await client.GET('/v1/metrics');
  const tag = first.response.headers.get('etag') ?? '';
  const again = await client.GET('/v1/metrics', { headers: { 'If-None-Match': tag }, parseAs: 'text' });
  assert.equal(again.response.status, 304);
});
