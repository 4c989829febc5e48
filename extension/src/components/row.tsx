/** Rows of a section: one stop of the tab key, arrows within, actions on hover and focus. */

import { caretDownIcon, caretRightIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

interface IRoving {
  readonly current: string;
  readonly setCurrent: (key: string) => void;
}

const Roving = React.createContext<IRoving>({
  current: '',
  setCurrent: () => undefined
});

/** Properties of a list. */
export interface IRowListProps {
  readonly label: string;
  /** Keys of its rows, in order. */
  readonly keys: readonly string[];
  readonly children: React.ReactNode;
}

/** Draw a list of rows. */
export function RowList({ label, keys, children }: IRowListProps): React.ReactElement {
  const [wanted, setCurrent] = React.useState('');
  const current = keys.includes(wanted) ? wanted : (keys[0] ?? '');
  const roving = React.useMemo(() => ({ current, setCurrent }), [current]);
  return (
    <Roving.Provider value={roving}>
      <ul className="rayspace-Rows" aria-label={label} onKeyDown={moveFocus}>
        {children}
      </ul>
    </Roving.Provider>
  );
}

function moveFocus(event: React.KeyboardEvent<HTMLUListElement>): void {
  const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1 };
  const step = steps[event.key];
  const isEdge = event.key === 'Home' || event.key === 'End';
  const target = event.target as HTMLElement;
  if (
    (step === undefined && !isEdge) ||
    !target.classList.contains('rayspace-Row-main')
  ) {
    return;
  }
  const rows = [
    ...event.currentTarget.querySelectorAll<HTMLElement>('.rayspace-Row-main')
  ];
  const next = isEdge
    ? rows[event.key === 'Home' ? 0 : rows.length - 1]
    : rows[rows.indexOf(target) + (step ?? 0)];
  if (next) {
    event.preventDefault();
    next.focus();
  }
}

/** Properties of a row. */
export interface IRowProps {
  readonly rowKey: string;
  /** Where what it shows stands, for the style sheet. */
  readonly phase: string;
  readonly dot?: React.ReactNode;
  readonly title: string;
  /** What stands on the right. */
  readonly side?: React.ReactNode;
  /** The second line. */
  readonly facts?: React.ReactNode;
  /** What is below both lines whether it is open or not. */
  readonly below?: React.ReactNode;
  readonly isMarked?: boolean;
  /** Whether what it shows may be old. */
  readonly isStale?: boolean;
  readonly isOpen?: boolean;
  readonly onToggle?: () => void;
  /** Makes the actions; they get the place in the order of tabs. */
  readonly actions?: (tabIndex: number) => React.ReactNode;
  readonly children?: React.ReactNode;
}

/** Draw a row. */
export function Row(props: IRowProps): React.ReactElement {
  const { rowKey, isOpen, onToggle } = props;
  const { current, setCurrent } = React.useContext(Roving);
  const tabIndex = current === rowKey ? 0 : -1;
  const bodyId = React.useId();
  const Caret = isOpen ? caretDownIcon : caretRightIcon;
  return (
    <li
      className="rayspace-Row"
      data-phase={props.phase}
      data-open={isOpen || undefined}
      data-stale={props.isStale || undefined}
      data-dot={props.dot ? 'yes' : 'no'}
      onFocus={() => setCurrent(rowKey)}
    >
      <div className="rayspace-Row-line">
        <button
          type="button"
          className="rayspace-Row-main"
          tabIndex={tabIndex}
          aria-expanded={onToggle ? !!isOpen : undefined}
          aria-controls={isOpen ? bodyId : undefined}
          onClick={onToggle}
          onKeyDown={event => {
            if (
              (event.key === 'ArrowRight' && !isOpen) ||
              (event.key === 'ArrowLeft' && isOpen)
            ) {
              onToggle?.();
              event.preventDefault();
            }
          }}
        >
          <span className="rayspace-Row-first">
            {onToggle ? (
              <Caret.react tag="span" width="12px" className="rayspace-Row-caret" />
            ) : (
              // Names stand below each other, whether there is more to see or not.
              <span className="rayspace-Row-caret" />
            )}
            {props.dot}
            <span
              className="rayspace-Row-title"
              data-marked={props.isMarked || undefined}
              title={props.title}
            >
              {props.title}
            </span>
            {props.side !== undefined && (
              <span className="rayspace-Row-side">{props.side}</span>
            )}
          </span>
          {props.facts !== undefined && (
            <span className="rayspace-Row-facts">{props.facts}</span>
          )}
        </button>
        {props.actions && (
          <div className="rayspace-Row-actions">{props.actions(tabIndex)}</div>
        )}
      </div>
      {props.below}
      {isOpen && (
        <div className="rayspace-Row-body" id={bodyId}>
          {props.children}
        </div>
      )}
    </li>
  );
}

/** Properties of `Facts`. */
export interface IFactsProps {
  readonly facts: readonly string[];
}

/** Write facts in a line, with dots between them. */
export function Facts({ facts }: IFactsProps): React.ReactElement {
  return (
    <>
      {facts.map((fact, index) => (
        <React.Fragment key={index}>
          {index > 0 && <span className="rayspace-Row-sep">·</span>}
          <span>{fact}</span>
        </React.Fragment>
      ))}
    </>
  );
}
