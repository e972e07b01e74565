// The page's beginning: the token, which is asked for once and kept for this tab alone, and then the dashboard.

import { showBoard } from './board.ts';
import { createClient } from './client.ts';
import { el, need, setText } from './dom.ts';
import { createTheme } from './theme.ts';

const KEY = 'ultrabalancer-token';
const theme = createTheme();
const place = need('board');
let takeDown: () => void = () => undefined;

function remember(token: string | null): void {
  try {
    if (token === null) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, token);
  } catch {
    // Without storage it is asked for again after the next load.
  }
}

function remembered(): string | null {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null;
  }
}

function askToken(problem: string): void {
  takeDown();
  takeDown = () => undefined;
  remember(null);
  need('leave').hidden = true;
  need('facts').hidden = true;
  const error = el('p', { class: 'problem', text: problem, attrs: { role: 'alert', id: 'token-problem' } });
  const input = el('input', {
    attrs: {
      type: 'password',
      id: 'token',
      autocomplete: 'current-password',
      spellcheck: 'false',
      maxlength: '512',
      'aria-describedby': 'token-problem',
    },
  });
  const form = el(
    'form',
    {
      class: 'card login',
      on: {
        submit: (event) => {
          event.preventDefault();
          void tryToken(input.value.trim(), error);
        },
      },
    },
    el('h2', { text: 'Show the token' }),
    el('label', {
      text: 'The first line of the file that admin.token_file names. It stays in this tab.',
      attrs: { for: 'token' },
    }),
    input,
    error,
    el('button', { text: 'Open', class: 'primary', attrs: { type: 'submit' } }),
  );
  place.replaceChildren(form);
  input.focus();
}

async function tryToken(token: string, error: HTMLElement): Promise<void> {
  if (!/^[!-~]{1,512}$/.test(token)) {
    setText(error, 'A token is printable characters without spaces.');
    return;
  }
  const answer = await createClient(token).series(0);
  if (!answer.ok) {
    setText(error, said(answer.status, answer.message));
    return;
  }
  remember(token);
  open(token);
}

function said(status: number, message: string): string {
  if (status === 401) return 'That is not the token.';
  return status === 0 ? `The balancer cannot be reached: ${message}.` : `Refused: ${message}.`;
}

function open(token: string): void {
  need('leave').hidden = false;
  need('facts').hidden = false;
  takeDown = showBoard(place, {
    client: createClient(token),
    theme,
    onRefused: (message) => askToken(`The token is no longer taken (${message}).`),
  });
}

need('theme').addEventListener('click', theme.toggle);
need('leave').addEventListener('click', () => askToken(''));
const known = remembered();
if (known === null) askToken('');
else open(known);
