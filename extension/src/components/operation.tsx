/** What goes on or failed on the server. */

import { closeIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { IOperation } from '../wire';
import { Hint } from './cards';
import { IconAction } from './icon-action';
import { useTrans } from './trans';

/** Properties of `FailedOperation`. */
export interface IFailedOperationProps {
  readonly operation: IOperation;
  readonly onDismiss: () => void;
}

/** Say why something failed, until that is put away. */
export function FailedOperation(props: IFailedOperationProps): React.ReactElement {
  const trans = useTrans();
  const { error, name } = props.operation;
  return (
    <div className="rayspace-Card" data-kind="error" role="alert">
      <div className="rayspace-Card-head">
        <p className="rayspace-Card-summary">
          {error?.message ?? trans.__('It failed: %1', name)}
        </p>
        <IconAction
          icon={closeIcon}
          label={trans.__('Put away')}
          onClick={props.onDismiss}
        />
      </div>
      {error?.hint && <Hint text={error.hint} />}
    </div>
  );
}
