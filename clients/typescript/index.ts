import createFetchClient, { type Client } from 'openapi-fetch';

import type { components, paths } from './schema.js';

/** The types of requests and responses, by their names in the OpenAPI document. */
export type Schemas = components['schemas'];

/**
 * Returns a client of a Health Export server. Its methods are named after those of HTTP and take the paths of the
 * OpenAPI document. They return `data`, or the problem as `error`, and do not throw for any response of the server.
 */
export function createClient(server: string, key: string): Client<paths> {
  return createFetchClient<paths>({ baseUrl: server, headers: { Authorization: `Bearer ${key}` } });
}
