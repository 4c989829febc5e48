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

/** Properties of a field for a count. */
export interface ICountFieldProps {
  readonly label: string;
  /** As it is typed; empty for as many as `usual` says. */
  readonly value: string;
  /** How many it is where nothing is typed; undefined while that is not known. */
  readonly usual: number | undefined;
  readonly onChange: (value: string) => void;
}

/** Draw a field for a whole number that is not below zero. */
export function CountField({
  label,
  value,
  usual,
  onChange
}: ICountFieldProps): React.ReactElement {
  return (
    <Field label={label}>
      {attributes => (
        <input
          {...attributes}
          className="rayspace-Input"
          type="number"
          min={0}
          step={1}
          value={value}
          placeholder={usual === undefined ? '' : String(usual)}
          onChange={event => onChange(event.target.value)}
        />
      )}
    </Field>
  );
}
