/** Operations in words. */

import { IOperation } from './wire';

/** The stage an operation is at, for people; empty before the first. */
export function stageText(operation: IOperation): string {
  const doing = operation.stages.filter(stage => stage.state === 'doing');
  return (
    (doing[doing.length - 1] ?? operation.stages[operation.stages.length - 1])?.text ??
    ''
  );
}

/** Whether somebody waits there for what goes on by itself: that may be stopped. */
export function isWaiting(operation: IOperation): boolean {
  return (
    operation.state === 'running' && ['up', 'resume', 'scale'].includes(operation.verb)
  );
}
