// Light or dark: as the system says until somebody says otherwise, which is remembered in this browser. Colours are
// the style sheet's; what is drawn on canvases asks for them here, anew after each change.

const KEY = 'ultrabalancer-theme';

export interface Theme {
  toggle(): void;
  /** Calls back after each change, by whomever. */
  onChange(run: () => void): void;
}

export function createTheme(): Theme {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const watching = new Set<() => void>();
  const root = document.documentElement;

  function chosen(): string | null {
    const stored = read();
    return stored === 'light' || stored === 'dark' ? stored : null;
  }

  function show(): void {
    root.dataset['theme'] = chosen() ?? (dark.matches ? 'dark' : 'light');
    for (const run of watching) run();
  }

  dark.addEventListener('change', show);
  show();
  return {
    toggle() {
      write(root.dataset['theme'] === 'dark' ? 'light' : 'dark');
      show();
    },
    onChange: (run) => void watching.add(run),
  };
}

/** The value of a custom property as it is now. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** Storage may be forbidden; the choice then lasts as long as the page. */
let choice: string | null = null;

function read(): string | null {
  try {
    return localStorage.getItem(KEY) ?? choice;
  } catch {
    return choice;
  }
}

function write(theme: string): void {
  choice = theme;
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // kept in `choice`
  }
}
