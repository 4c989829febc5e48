/** A small button with an icon and a name. */

import { LabIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

/** Properties of an action. */
export interface IIconActionProps {
  readonly icon: LabIcon;
  /** What it does; shown as a tooltip, and read out. */
  readonly label: string;
  readonly onClick: () => void;
  readonly isBusy?: boolean;
  readonly isDisabled?: boolean;
  /** Set by the row, so that only one row of a list is in the order of tabs. */
  readonly tabIndex?: number;
}

/** Draw an action. */
export function IconAction(props: IIconActionProps): React.ReactElement {
  const { icon, label, onClick, isBusy, isDisabled, tabIndex } = props;
  return (
    <button
      type="button"
      className="rayspace-Action"
      title={label}
      aria-label={label}
      aria-disabled={isDisabled || isBusy || undefined}
      data-busy={isBusy || undefined}
      tabIndex={tabIndex}
      onClick={event => {
        event.stopPropagation();
        if (!isDisabled && !isBusy) {
          onClick();
        }
      }}
    >
      <icon.react
        tag="span"
        width="14px"
        height="14px"
        className="rayspace-Action-icon"
      />
    </button>
  );
}
