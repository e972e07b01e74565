// Reads a stream of server-sent events piece by piece, for every client of the admin interface. Knows no transport.

/** Of text that waits for the end of its event; a stream that never ends one is not kept. */
const MOST_WAITING = 1024 * 1024;

/** Takes pieces of a stream of server-sent events, as they come. */
export function createEventReader(onEvent: (name: string, data: unknown) => void): (piece: string) => void {
  let rest = '';
  return (piece) => {
    rest += piece;
    for (let end = rest.indexOf('\n\n'); end >= 0; end = rest.indexOf('\n\n')) {
      const frame = rest.slice(0, end);
      rest = rest.slice(end + 2);
      const name = /^event: (.*)$/m.exec(frame)?.[1] ?? 'message';
      const data = /^data: (.*)$/m.exec(frame)?.[1];
      if (data !== undefined) onEvent(name, JSON.parse(data));
    }
    if (rest.length > MOST_WAITING) rest = '';
  };
}
