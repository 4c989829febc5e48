/** How something is, at a glance: by shape as well as by colour. */

import * as React from 'react';

/** What a dot tells. */
export type Tone = 'good' | 'busy' | 'wait' | 'paused' | 'warn' | 'bad' | 'gone';

const SHAPES: Record<Tone, React.ReactElement> = {
  good: <circle cx="6" cy="6" r="4.5" fill="currentColor" />,
  busy: (
    <>
      <circle cx="6" cy="6" r="4" fill="none" stroke="currentColor" strokeWidth="1.5" />
      <path d="M6 2 A4 4 0 0 1 6 10 Z" fill="currentColor" />
    </>
  ),
  wait: (
    <circle cx="6" cy="6" r="4" fill="none" stroke="currentColor" strokeWidth="1.5" />
  ),
  paused: (
    <>
      <rect x="2.5" y="2" width="2.5" height="8" fill="currentColor" />
      <rect x="7" y="2" width="2.5" height="8" fill="currentColor" />
    </>
  ),
  warn: <path d="M6 1.2 L11.3 10.6 H0.7 Z" fill="currentColor" />,
  bad: (
    <path
      d="M2.5 2.5 L9.5 9.5 M9.5 2.5 L2.5 9.5"
      fill="none"
      stroke="currentColor"
      strokeWidth="2.2"
    />
  ),
  gone: (
    <circle
      cx="6"
      cy="6"
      r="4"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.5"
      strokeDasharray="2 1.6"
    />
  )
};

/** Properties of a dot. */
export interface IStatusDotProps {
  readonly tone: Tone;
  /** What it means, in a word. */
  readonly label: string;
}

/** Draw a dot. */
export function StatusDot({ tone, label }: IStatusDotProps): React.ReactElement {
  return (
    <svg
      className="rayspace-Dot"
      data-tone={tone}
      viewBox="0 0 12 12"
      role="img"
      aria-label={label}
    >
      <title>{label}</title>
      {SHAPES[tone]}
    </svg>
  );
}
