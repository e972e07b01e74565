// What a config wants open, opened beside what is open: it is kept when the config comes into force and given up when the
// config is refused. Knows nothing of what it is.

/** What has been opened for a config that is being tried. */
export interface Opened {
  /** That config is in force: what only the one before wanted is closed. */
  keep(): void;
  /** It is refused: everything is as it was. */
  discard(): Promise<void>;
}

/** Several things as one: all opened, or none. */
export async function openAll(openers: readonly (() => Promise<Opened>)[]): Promise<Opened> {
  const opened: Opened[] = [];
  const discard = async (): Promise<void> => {
    await Promise.all(opened.map((each) => each.discard()));
  };
  try {
    for (const open of openers) opened.push(await open());
  } catch (error) {
    await discard();
    throw error;
  }
  return { keep: () => opened.forEach((each) => each.keep()), discard };
}
