// Whose sessions are ended so that a backend which has joined gets its share: pure, one step per look. An episode begins
// when a backend gets more weight than at the look before (from none: it has joined, recovered, been released), and is
// over when loads agree, or when it cannot go on. Three bounds keep it from doing harm: the rate; as many ends as a policy
// that knows no load would need; and never many ended whose clients have not come back.

export interface RebalanceSettings {
  /** Sessions per second, at most. */
  readonly rate: number;
  /** Percent of its share by which a backend may differ from it. */
  readonly tolerance: number;
}

export interface LoadedBackend {
  readonly slot: number;
  /** Above 0. */
  readonly weight: number;
  readonly sessions: number;
}

/** A pool at one moment; counts are cumulative. */
export interface PoolLoad {
  /** Those that may be picked. */
  readonly members: readonly LoadedBackend[];
  /** Too few are up for their state to be believed. */
  readonly panic: boolean;
  readonly opened: number;
  readonly rebalanced: number;
}

export interface Episode {
  /** Ends that are left to it. */
  readonly budget: number;
  /** Ended, and nobody has come since. */
  readonly owed: number;
  readonly ended: number;
  /** Looks at which nobody had been ended. */
  readonly still: number;
}

export interface Memory {
  readonly weights: ReadonlyMap<number, number>;
  readonly opened: number;
  readonly rebalanced: number;
  readonly episode: Episode | undefined;
}

/** Why an episode is over. */
export type Verdict = 'even' | 'spent' | 'stuck' | 'left';

export interface Step {
  readonly memory: Memory;
  /** How many sessions of whom to end until the next look, each above 0. */
  readonly ends: readonly { readonly slot: number; readonly count: number }[];
  readonly began: boolean;
  readonly over: Verdict | undefined;
}

/** Seconds' worth of ended sessions whose clients may be away. */
const AWAY_SECONDS = 3;
/** Looks without an end after which nobody is waited for any more. */
const PATIENCE = 300;

/** Who has left between two looks, so that a return is noticed however short the absence was. */
export function noteMembers(memory: Memory, { members, panic }: Pick<PoolLoad, 'members' | 'panic'>): Memory {
  if (panic) return memory;
  const now = new Map(members.map(({ slot, weight }) => [slot, weight]));
  const weights = [...memory.weights].map(
    ([slot, weight]) => [slot, Math.min(weight, now.get(slot) ?? 0)] as const,
  );
  return { ...memory, weights: new Map(weights) };
}

/** `seconds` is the time until the next look. */
export function rebalance(
  before: Memory | undefined,
  load: PoolLoad,
  { rate, tolerance }: RebalanceSettings,
  seconds: number,
): Step {
  const { members, panic, opened, rebalanced } = load;
  // In panic members are not who is up: what was known before it is what later joiners are compared with.
  const weights =
    panic && before !== undefined ? before.weights : new Map(members.map((each) => [each.slot, each.weight]));
  const remember = (episode: Episode | undefined): Memory => ({ weights, opened, rebalanced, episode });
  const rest = (over: Verdict | undefined): Step => ({
    memory: remember(undefined),
    ends: [],
    began: false,
    over,
  });
  if (before === undefined) return rest(undefined);
  if (panic || members.length < 2) return rest(before.episode === undefined ? undefined : 'left');

  const shares = sharesOf(members, tolerance);
  const grown = members.some(({ slot, weight }) => weight > (before.weights.get(slot) ?? 0));
  // Sessions are whole: where nobody has one too many it gets no better.
  const uneven =
    shares.some(({ excess, band }) => Math.abs(excess) > band) && shares.some(({ excess }) => excess >= 1);
  if (!uneven) return rest(before.episode === undefined ? undefined : 'even');
  const ended = Math.max(0, rebalanced - before.rebalanced);
  const arrived = Math.max(0, opened - before.opened);
  const fresh: Episode = { budget: budgetOf(shares), owed: 0, ended: 0, still: 0 };
  const last = grown ? fresh : before.episode;
  if (last === undefined) return rest(undefined);
  const episode: Episode = grown
    ? fresh
    : {
        budget: last.budget - ended,
        owed: Math.max(0, last.owed + ended - arrived),
        ended: last.ended + ended,
        still: ended > 0 ? 0 : last.still + 1,
      };
  if (episode.budget <= 0) return rest('spent');
  if (episode.still > PATIENCE) return rest('stuck');
  const quota = Math.min(
    Math.floor(rate * seconds),
    episode.budget,
    Math.max(1, Math.floor(rate * AWAY_SECONDS)) - episode.owed,
  );
  return { memory: remember(episode), ends: spread(shares, quota), began: grown, over: undefined };
}

interface Share extends LoadedBackend {
  /** Sessions above its share; below 0 where it has fewer. */
  readonly excess: number;
  /** What it may differ by. */
  readonly band: number;
}

function sharesOf(members: readonly LoadedBackend[], tolerance: number): readonly Share[] {
  const sessions = members.reduce((all, each) => all + each.sessions, 0);
  const weights = members.reduce((all, each) => all + each.weight, 0);
  return members.map((each) => {
    const share = (sessions * each.weight) / weights;
    return { ...each, excess: each.sessions - share, band: Math.max(1, (share * tolerance) / 100) };
  });
}

/** What it takes if those who come back go to whichever backend, by weight, and twice that. */
function budgetOf(shares: readonly Share[]): number {
  const excess = shares.reduce((all, each) => all + Math.max(0, each.excess), 0);
  const weights = shares.reduce((all, { weight }) => all + weight, 0);
  const below = shares.reduce((all, { excess: over, weight }) => all + (over < 0 ? weight : 0), 0);
  return Math.ceil((2 * excess * weights) / below);
}

/** In proportion to what each has too many, and none below its share. */
function spread(shares: readonly Share[], quota: number): Step['ends'] {
  const over = shares
    .map(({ slot, excess }) => ({ slot, room: Math.max(0, Math.floor(excess)) }))
    .filter(({ room }) => room > 0)
    .sort((a, b) => b.room - a.room);
  let left = Math.min(
    Math.max(0, quota),
    over.reduce((all, { room }) => all + room, 0),
  );
  const total = over.reduce((all, { room }) => all + room, 0);
  const wanted = left;
  const ends = [];
  for (const { slot, room } of over) {
    const count = Math.min(room, left, Math.ceil((wanted * room) / total));
    left -= count;
    if (count > 0) ends.push({ slot, count });
  }
  return ends;
}
