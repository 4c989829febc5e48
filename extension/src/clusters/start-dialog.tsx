/** The dialog that starts a cluster. */

import { Dialog } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { ErrorCard, Loading, WhyCard } from '../components/cards';
import { CountField, Field } from '../components/field';
import { MagicLine, Price, YamlView } from '../components/plan';
import { Drawn } from '../components/section';
import { soon } from '../components/soon';
import { useTrans } from '../components/trans';
import { useModel } from '../components/use-signal';
import { ITargetState } from '../wire';
import { StartModel } from './start-model';

/** Properties of the form. */
export interface IStartFormProps {
  readonly model: StartModel;
  readonly targets: readonly ITargetState[];
}

/** Draw the form, and what would come of it. */
export function StartForm({ model, targets }: IStartFormProps): React.ReactElement {
  const trans = useTrans();
  useModel(model);
  const { form, profile, profiles } = model;
  if (!profiles && !model.error) {
    return <Loading />;
  }
  return (
    <div className="rayspace-Form">
      <div className="rayspace-Form-fields">
        <Field label={trans.__('Profile')} help={profile?.description}>
          {attributes => (
            <select
              {...attributes}
              className="rayspace-Input"
              value={form.profile}
              onChange={event => model.set({ profile: event.target.value })}
            >
              {(profiles ?? []).map(({ name }) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          )}
        </Field>
        <Field label={trans.__('Where')}>
          {attributes => (
            <select
              {...attributes}
              className="rayspace-Input"
              value={form.target}
              onChange={event => model.set({ target: event.target.value })}
            >
              <option value="">{trans.__('as the profile says')}</option>
              {targets.map(target => (
                <option key={target.name} value={target.name}>
                  {targetLabel(target, trans)}
                </option>
              ))}
            </select>
          )}
        </Field>
        <Field label={trans.__('Name')}>
          {attributes => (
            <input
              {...attributes}
              className="rayspace-Input"
              value={form.name}
              placeholder={form.profile}
              onChange={event => model.set({ name: event.target.value })}
            />
          )}
        </Field>
        <div className="rayspace-Form-row">
          <CountField
            label={trans.__('Workers')}
            value={form.workers}
            usual={profile?.n_workers}
            onChange={workers => model.set({ workers })}
          />
          <CountField
            label={trans.__('GPUs per worker')}
            value={form.gpus}
            usual={profile?.worker.gpus}
            onChange={gpus => model.set({ gpus })}
          />
          <Field label={trans.__('Queue')}>
            {attributes => (
              <input
                {...attributes}
                className="rayspace-Input"
                value={form.queue}
                placeholder={profile?.pods.queue || trans.__('none')}
                onChange={event => model.set({ queue: event.target.value })}
              />
            )}
          </Field>
        </div>
      </div>
      <Outcome model={model} />
    </div>
  );
}

function Outcome({ model }: { readonly model: StartModel }): React.ReactElement {
  const trans = useTrans();
  const { plan, error, isPlanning } = model;
  return (
    <div className="rayspace-Outcome" aria-live="polite" aria-busy={isPlanning}>
      {error && <ErrorCard message={error.message} hint={error.hint} />}
      {plan?.problems.map(problem => (
        <WhyCard key={problem.code + problem.summary} problem={problem} />
      ))}
      {plan?.notes.map(note => (
        <p key={note} className="rayspace-muted">
          {note}
        </p>
      ))}
      {plan?.replaced && <p role="status">{plan.replaced.why}.</p>}
      {plan && plan.problems.length === 0 && (
        <p className="rayspace-Outcome-fine">
          {plan.target === 'local'
            ? trans.__('Starts on this machine.')
            : trans.__('Nothing keeps it from starting in %1.', plan.target)}
        </p>
      )}
      {plan && <Price cost={plan.cost} />}
      {plan && <YamlView yaml={plan.yaml} />}
      <MagicLine magic={plan?.magic ?? ''} />
    </div>
  );
}

function targetLabel(target: ITargetState, trans: TranslationBundle): string {
  if (target.source === 'machine') {
    return trans.__('%1 (this machine)', target.name);
  }
  if (target.source === 'simulated') {
    return trans.__('%1 (nothing runs there)', target.name);
  }
  return target.state === 'silent' || target.state === 'refused'
    ? trans.__('%1 (does not answer)', target.name)
    : target.name;
}

/** What the dialog was left with. */
export interface IStartChoice {
  readonly isAccepted: boolean;
}

/**
 * Ask what to start.
 *
 * @returns Whether to start it; the model holds what.
 */
export async function askStart(
  model: StartModel,
  targets: readonly ITargetState[],
  trans: TranslationBundle
): Promise<boolean> {
  await soon(model.load());
  const body = new Drawn(() => <StartForm model={model} targets={targets} />, trans);
  body.addClass('rayspace-Dialog');
  const dialog = new Dialog({
    title: trans.__('Start a Ray cluster'),
    body,
    focusNodeSelector: '.rayspace-Input',
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.okButton({ label: trans.__('Start') })
    ]
  });
  dialog.addClass('rayspace-WideDialog');
  return (await dialog.launch()).button.accept;
}
