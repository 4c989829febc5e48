/** What stands where rows would be, and what explains trouble. */

import { checkIcon, copyIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { commandOf } from '../hints';
import { IProblem } from '../wire';
import { IconAction } from './icon-action';
import { useTrans } from './trans';

/** Properties of `EmptyState`. */
export interface IEmptyStateProps {
  readonly text: string;
  /** The next step, as a button. */
  readonly action?: string;
  readonly onAction?: () => void;
}

/** Say that there is nothing, and what comes next. */
export function EmptyState(props: IEmptyStateProps): React.ReactElement {
  return (
    <div className="rayspace-Empty">
      <p>{props.text}</p>
      {props.action && (
        <button type="button" className="rayspace-Button" onClick={props.onAction}>
          {props.action}
        </button>
      )}
    </div>
  );
}

/** Show the place of rows that are on their way. */
export function Loading(): React.ReactElement {
  const trans = useTrans();
  return (
    <div className="rayspace-Loading" role="status" aria-label={trans.__('Loading')}>
      <span />
      <span />
    </div>
  );
}

/** Properties of `ErrorCard`. */
export interface IErrorCardProps {
  readonly message: string;
  readonly hint?: string;
  readonly onRetry?: () => void;
}

/** Say what went wrong, what helps, and offer to try again. */
export function ErrorCard({
  message,
  hint,
  onRetry
}: IErrorCardProps): React.ReactElement {
  const trans = useTrans();
  return (
    <div className="rayspace-Card" data-kind="error" role="alert">
      <p className="rayspace-Card-summary">{message}</p>
      {hint && <Hint text={hint} />}
      {onRetry && (
        <button type="button" className="rayspace-Button" onClick={onRetry}>
          {trans.__('Try again')}
        </button>
      )}
    </div>
  );
}

/** Properties of `WhyCard`. */
export interface IWhyCardProps {
  readonly problem: IProblem;
}

/** Explain one reason why a cluster is not as wanted. */
export function WhyCard({ problem }: IWhyCardProps): React.ReactElement {
  const trans = useTrans();
  return (
    <div className="rayspace-Card" data-kind={problem.is_final ? 'error' : 'warning'}>
      <p className="rayspace-Card-summary">{problem.summary}</p>
      {problem.hint && <Hint text={problem.hint} />}
      {problem.owner === 'admin' && (
        <p className="rayspace-muted">{trans.__('An administrator can mend this.')}</p>
      )}
      {problem.evidence.length > 0 && (
        <details className="rayspace-Card-evidence">
          <summary>{trans.__('Evidence')}</summary>
          {problem.evidence.map((item, index) => (
            <p key={index}>
              <span className="rayspace-muted">{`${item.kind} ${item.name}`}</span>
              <br />
              {item.text}
            </p>
          ))}
        </details>
      )}
    </div>
  );
}

/** Properties of `Hint`. */
export interface IHintProps {
  readonly text: string;
}

/** Show a hint; the command in it can be copied. */
export function Hint({ text }: IHintProps): React.ReactElement {
  const command = commandOf(text);
  return (
    <div className="rayspace-Hint">
      <span>{text}</span>
      {command && <CopyAction text={command} />}
    </div>
  );
}

/** Properties of `CopyAction`. */
export interface ICopyActionProps {
  readonly text: string;
  readonly label?: string;
}

/** A button that copies a text, and says that it did. */
export function CopyAction({ text, label }: ICopyActionProps): React.ReactElement {
  const trans = useTrans();
  const [isCopied, setCopied] = React.useState(false);
  React.useEffect(() => {
    if (!isCopied) {
      return undefined;
    }
    const timer = setTimeout(() => setCopied(false), 2000);
    return () => clearTimeout(timer);
  }, [isCopied]);
  return (
    <IconAction
      icon={isCopied ? checkIcon : copyIcon}
      label={isCopied ? trans.__('Copied') : (label ?? trans.__('Copy the command'))}
      onClick={() => {
        void navigator.clipboard.writeText(text).then(() => setCopied(true));
      }}
    />
  );
}
