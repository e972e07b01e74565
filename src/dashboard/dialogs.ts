// Questions before something that cannot be taken back, the one for a weight, and short notices of what was done or not.

import { el } from './dom.ts';

export interface Question {
  readonly title: string;
  readonly text: string;
  readonly yes: string;
}

/** Whether it is to be done. */
export async function confirm({ title, text, yes }: Question): Promise<boolean> {
  return (await open(title, [el('p', { text })], yes)) === 'yes';
}

/** A weight, or undefined when nothing is to change. */
export async function askWeight(
  backend: string,
  now: number,
  configured: number,
): Promise<number | undefined> {
  const input = el('input', {
    attrs: {
      type: 'number',
      min: '0',
      max: '65535',
      step: '1',
      required: '',
      id: 'weight-input',
      value: String(now),
    },
  });
  const label = el('label', {
    text: `New sessions go to backends in proportion to their weights; 0 takes none. The config says ${configured}.`,
    attrs: { for: 'weight-input' },
  });
  const answer = await open(`Weight of ${backend}`, [label, input], 'Set weight');
  return answer === 'yes' && input.checkValidity() ? input.valueAsNumber : undefined;
}

function open(title: string, content: readonly HTMLElement[], yes: string): Promise<string> {
  return new Promise((resolve) => {
    const close = (answer: string) => (): void => dialog.close(answer);
    const form = el(
      'form',
      {
        on: {
          // The policy of the page forbids forms to go anywhere, and this one has nowhere to go.
          submit: (event) => {
            event.preventDefault();
            dialog.close('yes');
          },
        },
      },
      el('h2', { text: title }),
      ...content,
      el(
        'div',
        { class: 'buttons' },
        el('button', { text: 'Cancel', attrs: { type: 'button' }, on: { click: close('') } }),
        el('button', { text: yes, class: 'primary', attrs: { type: 'submit' } }),
      ),
    );
    const dialog = el('dialog', { attrs: { 'aria-label': title } }, form);
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(dialog.returnValue);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

const NOTICE_MS = 6000;
const MOST_NOTICES = 4;

/** For a few seconds at the edge of the page, and to screen readers. */
export function notify(place: HTMLElement, message: string, kind: 'done' | 'failed'): void {
  const notice = el('p', { class: `notice ${kind}`, text: message });
  place.append(notice);
  while (place.childElementCount > MOST_NOTICES) place.firstElementChild?.remove();
  setTimeout(() => notice.remove(), NOTICE_MS);
}
