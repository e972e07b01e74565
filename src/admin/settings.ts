// What a config says of the admin interface, and where that makes it listen. Off unless a place is named; over TCP only
// with a token.

import type { AdminSettings } from '../config/config.ts';
import { readToken } from './guard.ts';
import type { AdminPlace } from './server.ts';

export type PlacesResult =
  | { readonly ok: true; readonly places: readonly AdminPlace[] }
  | { readonly ok: false; readonly message: string };

/** None where nothing is asked for. Reads the token's file. */
export function adminPlaces({
  socket,
  host,
  port,
  token_file: file,
  dashboard,
}: AdminSettings): PlacesResult {
  const places: AdminPlace[] = socket === '' ? [] : [{ kind: 'socket', path: socket }];
  if (port === 0) return { ok: true, places };
  if (file === '') return { ok: false, message: 'the admin interface over TCP needs a token: name its file' };
  const read = readToken(file);
  if (!read.ok) return read;
  return { ok: true, places: [...places, { kind: 'tcp', host, port, token: read.token, dashboard }] };
}
