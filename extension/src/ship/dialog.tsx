/** The dialog of "Run on Ray". */

import { Dialog } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { ErrorCard, Loading } from '../components/cards';
import { Field } from '../components/field';
import { MagicLine, Price, YamlView } from '../components/plan';
import { Drawn } from '../components/section';
import { soon } from '../components/soon';
import { useTrans } from '../components/trans';
import { useModel } from '../components/use-signal';
import { formatBytes } from '../units';
import { IBundlePreview, IField } from '../wire';
import { ShipModel } from './model';
import { asText } from './values';

/** Properties of the form. */
export interface IShipFormProps {
  readonly model: ShipModel;
}

/** Draw the form, and what would travel. */
export function ShipForm({ model }: IShipFormProps): React.ReactElement {
  const trans = useTrans();
  useModel(model);
  const { fields, error } = model;
  if (!fields) {
    return error ? (
      <ErrorCard message={error.message} hint={error.hint} />
    ) : (
      <Loading />
    );
  }
  return (
    <div className="rayspace-Form">
      <Where model={model} />
      {fields.length > 0 ? (
        <fieldset className="rayspace-Form-fields">
          <legend>{trans.__('Parameters')}</legend>
          <div className="rayspace-Form-grid">
            {fields.map(field => (
              <ParameterField key={field.name} field={field} model={model} />
            ))}
          </div>
        </fieldset>
      ) : (
        <p className="rayspace-muted">
          {trans.__(
            'This notebook has no parameters: no cell bears the tag "parameters".'
          )}
        </p>
      )}
      <Outcome model={model} />
    </div>
  );
}

function Where({ model }: IShipFormProps): React.ReactElement {
  const trans = useTrans();
  const { places, targets } = model;
  const running = places.filter(place => place.kind === 'cluster');
  const made = places.filter(place => place.kind === 'profile');
  const isMade = made.some(place => place.key === model.place);
  return (
    <div className="rayspace-Form-row">
      <Field label={trans.__('Run on')}>
        {attributes => (
          <select
            {...attributes}
            className="rayspace-Input"
            value={model.place}
            onChange={event => model.setPlace(event.target.value)}
          >
            {running.length > 0 && (
              <optgroup label={trans.__('Clusters that run')}>
                {running.map(place => (
                  <option key={place.key} value={place.key}>
                    {place.owner
                      ? trans.__(
                          '%1 (%2), of %3',
                          place.name,
                          place.target,
                          place.owner
                        )
                      : `${place.name} (${place.target})`}
                  </option>
                ))}
              </optgroup>
            )}
            <optgroup label={trans.__('A cluster from a profile')}>
              {made.map(place => (
                <option key={place.key} value={place.key}>
                  {place.name}
                </option>
              ))}
            </optgroup>
          </select>
        )}
      </Field>
      {isMade && targets.length > 1 && (
        <Field label={trans.__('Where')}>
          {attributes => (
            <select
              {...attributes}
              className="rayspace-Input"
              value={model.target}
              onChange={event => model.setTarget(event.target.value)}
            >
              <option value="">{trans.__('as the profile says')}</option>
              {targets.map(target => (
                <option key={target.name}>{target.name}</option>
              ))}
            </select>
          )}
        </Field>
      )}
    </div>
  );
}

interface IParameterFieldProps {
  readonly field: IField;
  readonly model: ShipModel;
}

function ParameterField({ field, model }: IParameterFieldProps): React.ReactElement {
  const trans = useTrans();
  const text = model.textOf(field);
  const set = (value: string): void => model.setValue(field.name, value);
  const type = ['any', 'bool'].includes(field.type) ? '' : field.type;
  const options = optionsOf(field);
  return (
    <Field
      label={field.name}
      help={[field.help, type].filter(Boolean).join(' · ')}
      error={model.errorOf(field)}
    >
      {attributes =>
        options.length > 0 ? (
          <select
            {...attributes}
            className="rayspace-Input"
            value={text}
            onChange={event => set(event.target.value)}
          >
            {field.is_optional && <option value="">{trans.__('none')}</option>}
            {options.map(option => (
              <option key={option}>{option}</option>
            ))}
          </select>
        ) : field.kind === 'bool' ? (
          <input
            {...attributes}
            type="checkbox"
            className="rayspace-Check"
            checked={text === 'true'}
            onChange={event => set(String(event.target.checked))}
          />
        ) : (
          <input
            {...attributes}
            className="rayspace-Input"
            inputMode={
              field.kind === 'int' || field.kind === 'float' ? 'decimal' : 'text'
            }
            value={text}
            placeholder={field.is_optional ? trans.__('none') : ''}
            spellCheck={false}
            onChange={event => set(event.target.value)}
          />
        )
      }
    </Field>
  );
}

/** The words a field offers; none for one that is typed in or ticked. */
function optionsOf(field: IField): readonly string[] {
  if (field.kind === 'choice') {
    return field.choices.map(asText);
  }
  return field.kind === 'bool' && field.is_optional ? ['true', 'false'] : [];
}

function Outcome({ model }: IShipFormProps): React.ReactElement {
  const { plan, error, isPlanning } = model;
  return (
    <div className="rayspace-Outcome" aria-live="polite" aria-busy={isPlanning}>
      {error && <ErrorCard message={error.message} hint={error.hint} />}
      {plan?.warnings.map(warning => (
        <div key={warning} className="rayspace-Card" data-kind="warning">
          <p className="rayspace-Card-summary">{warning}</p>
        </div>
      ))}
      {plan && <Bundle bundle={plan.bundle} />}
      {plan && plan.packages.length > 0 && <Packages packages={plan.packages} />}
      {plan && <Price cost={plan.cost} />}
      {plan && <YamlView yaml={plan.yaml} />}
      <MagicLine magic={plan?.magic ?? ''} />
    </div>
  );
}

function Bundle({ bundle }: { readonly bundle: IBundlePreview }): React.ReactElement {
  const trans = useTrans();
  const more = bundle.n_files - bundle.files.length;
  return (
    <details className="rayspace-Bundle">
      <summary>
        {trans._n(
          '%1 file travels along, %2',
          '%1 files travel along, %2',
          bundle.n_files,
          formatBytes(bundle.total_bytes)
        )}
        {bundle.skipped.length > 0 && (
          <span className="rayspace-muted">
            {' '}
            {trans._n('%1 stays behind', '%1 stay behind', bundle.skipped.length)}
          </span>
        )}
      </summary>
      <div
        className="rayspace-Bundle-box"
        tabIndex={0}
        role="group"
        aria-label={bundle.root}
      >
        <table>
          <tbody>
            {bundle.files.map(file => (
              <tr key={file.path}>
                <td>{file.path}</td>
                <td>{formatBytes(file.size_bytes)}</td>
              </tr>
            ))}
            {more > 0 && (
              <tr>
                <td colSpan={2}>{trans._n('and %1 more', 'and %1 more', more)}</td>
              </tr>
            )}
            {bundle.skipped.map(item => (
              <tr key={item.path} className="rayspace-muted">
                <td>{trans.__('%1 stays behind: %2', item.path, item.reason)}</td>
                <td>{item.size_bytes === null ? '' : formatBytes(item.size_bytes)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}

function Packages({
  packages
}: {
  readonly packages: readonly string[];
}): React.ReactElement {
  const trans = useTrans();
  return (
    <details>
      <summary>
        {trans._n(
          '%1 package is installed for the job',
          '%1 packages are installed for the job',
          packages.length
        )}
      </summary>
      <ul>
        {packages.map(line => (
          <li key={line}>{line}</li>
        ))}
      </ul>
    </details>
  );
}

/**
 * Ask how a notebook shall run.
 *
 * @returns Whether to ship it; the model holds how.
 */
export async function askShip(
  model: ShipModel,
  trans: TranslationBundle
): Promise<boolean> {
  await soon(model.load());
  const body = new Drawn(() => <ShipForm model={model} />, trans);
  body.addClass('rayspace-Dialog');
  const dialog = new Dialog({
    title: trans.__('Run %1 on Ray', model.path.split('/').pop() ?? model.path),
    body,
    focusNodeSelector: '.rayspace-Input',
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.okButton({ label: trans.__('Run on Ray') })
    ]
  });
  dialog.addClass('rayspace-WideDialog');
  return (await dialog.launch()).button.accept;
}
