// How everything that may be expected to fail answers.

import type { ConfigIssue } from '../config/issue.ts';

export type Result =
  | { readonly ok: true }
  /** `issues`: places in the config, where it is the config that is wrong. */
  | { readonly ok: false; readonly message: string; readonly issues: readonly ConfigIssue[] };

export function refusal(
  message: string,
  issues: readonly ConfigIssue[] = [],
): Result & { readonly ok: false } {
  return { ok: false, message: message.trimEnd(), issues };
}
