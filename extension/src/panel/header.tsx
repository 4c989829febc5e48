/** What stands above the sections: trouble with the server, and the project. */

import * as React from 'react';

import { ErrorCard } from '../components/cards';
import { StatusDot } from '../components/status-dot';
import { useTrans } from '../components/trans';
import { useModel } from '../components/use-signal';
import { ILive } from '../tokens';
import { formatClock } from '../units';

/** Properties of the header. */
export interface IPanelHeaderProps {
  readonly live: ILive;
}

/** Draw the header; nothing where all is well. */
export function PanelHeader({ live }: IPanelHeaderProps): React.ReactElement {
  const trans = useTrans();
  useModel(live);
  const { connection } = live;
  const project = live.project.split('/').filter(Boolean).pop() ?? '';
  return (
    <>
      <div className="rayspace-Project" title={live.project}>
        <span className="rayspace-Project-name">{trans.__('Ray')}</span>
        <span className="rayspace-muted">{project}</span>
      </div>
      {connection.kind === 'stale' && (
        <div className="rayspace-Stale" role="status">
          <StatusDot tone="warn" label={trans.__('not up to date')} />
          <span>
            {trans.__(
              'The server does not answer; as of %1.',
              formatClock(connection.sinceMs)
            )}
          </span>
          <button
            type="button"
            className="rayspace-Button"
            onClick={() => live.retry()}
          >
            {trans.__('Try now')}
          </button>
        </div>
      )}
      {connection.kind === 'failed' && (
        <ErrorCard
          message={connection.error.message}
          hint={connection.error.hint}
          onRetry={() => live.retry()}
        />
      )}
      {live.problems.map(problem => (
        <ErrorCard key={problem.code} message={problem.message} hint={problem.hint} />
      ))}
    </>
  );
}
