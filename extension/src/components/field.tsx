/** A labelled field of a form. */

import * as React from 'react';

/** Properties of a field. */
export interface IFieldProps {
  readonly label: string;
  readonly help?: string;
  /** What is wrong with its value. */
  readonly error?: string;
  /** Draws the control with these attributes. */
  readonly children: (attributes: {
    readonly id: string;
    readonly 'aria-describedby': string | undefined;
    readonly 'aria-invalid': boolean | undefined;
  }) => React.ReactNode;
}

/** Draw a label, a control, and what is said about it. */
export function Field({
  label,
  help,
  error,
  children
}: IFieldProps): React.ReactElement {
  const id = React.useId();
  const isDescribed = !!(help || error);
  return (
    <div className="rayspace-Field">
      <label htmlFor={id}>{label}</label>
      {children({
        id,
        'aria-describedby': isDescribed ? `${id}-help` : undefined,
        'aria-invalid': error ? true : undefined
      })}
      {isDescribed && (
        <div
          id={`${id}-help`}
          className="rayspace-Field-help"
          data-kind={error ? 'error' : undefined}
        >
          {error || help}
        </div>
      )}
    </div>
  );
}
