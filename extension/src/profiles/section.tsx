/** The section of profiles. */

import { TranslationBundle } from '@jupyterlab/translation';
import { runIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { EmptyState } from '../components/cards';
import { IconAction } from '../components/icon-action';
import { Row, RowList } from '../components/row';
import { SectionState } from '../components/section';
import { useTrans } from '../components/trans';
import { useModel } from '../components/use-signal';
import { formatBytes } from '../units';
import { INodeResources, IProfile } from '../wire';
import { ProfilesModel } from './model';

/** Properties of the section. */
export interface IProfilesSectionProps {
  readonly model: ProfilesModel;
  /** Start one; where its namespace is, if it is of one. */
  readonly onStart: (profile: string, target: string) => void;
}

/** Draw what can be started. */
export function ProfilesSection({
  model,
  onStart
}: IProfilesSectionProps): React.ReactElement {
  const trans = useTrans();
  useModel(model);
  const [open, setOpen] = React.useState('');
  const profiles = model.profiles ?? [];
  const ofTargets = [...model.ofTargets].sort(([a], [b]) => a.localeCompare(b));
  const list = (own: readonly IProfile[], target: string): React.ReactElement => (
    <RowList
      label={target ? trans.__('Profiles of %1', target) : trans.__('Profiles')}
      keys={own.map(profile => `${target} ${profile.name}`)}
    >
      {own.map(profile => (
        <ProfileRow
          key={profile.name}
          rowKey={`${target} ${profile.name}`}
          profile={profile}
          isOpen={open === `${target} ${profile.name}`}
          onToggle={key => setOpen(open === key ? '' : key)}
          onStart={() => onStart(profile.name, target)}
        />
      ))}
    </RowList>
  );
  return (
    <SectionState
      live={model.live}
      isLoaded={model.profiles !== null}
      isEmpty={profiles.length + ofTargets.length === 0}
      error={model.error ?? undefined}
      onRetry={() => void model.refresh()}
      empty={
        <EmptyState text={trans.__('No profile. Write one to .rayspace/profiles.')} />
      }
    >
      {list(profiles, '')}
      {ofTargets.map(([target, own]) => (
        <React.Fragment key={target}>
          <h4 className="rayspace-Group">{trans.__('Of %1', target)}</h4>
          {list(own, target)}
        </React.Fragment>
      ))}
    </SectionState>
  );
}

interface IProfileRowProps {
  readonly rowKey: string;
  readonly profile: IProfile;
  readonly isOpen: boolean;
  readonly onToggle: (key: string) => void;
  readonly onStart: () => void;
}

function ProfileRow(props: IProfileRowProps): React.ReactElement {
  const { rowKey, profile, isOpen, onToggle, onStart } = props;
  const trans = useTrans();
  return (
    <Row
      rowKey={rowKey}
      phase={profile.layer}
      title={profile.name}
      side={sizeOf(profile, trans)}
      facts={<span>{profile.description}</span>}
      isOpen={isOpen}
      onToggle={() => onToggle(rowKey)}
      actions={tabIndex => (
        <IconAction
          icon={runIcon}
          label={trans.__('Start %1…', profile.name)}
          tabIndex={tabIndex}
          onClick={onStart}
        />
      )}
    >
      <dl className="rayspace-Details">
        <dt>{trans.__('Head')}</dt>
        <dd>{resources(profile.head, trans)}</dd>
        <dt>{trans.__('Each worker')}</dt>
        <dd>{resources(profile.worker, trans)}</dd>
        {profile.target && (
          <>
            <dt>{trans.__('Where')}</dt>
            <dd>{profile.target}</dd>
          </>
        )}
        <dt>{trans.__('From')}</dt>
        <dd title={profile.path}>{profile.layer}</dd>
      </dl>
    </Row>
  );
}

function sizeOf(profile: IProfile, trans: TranslationBundle): string {
  const groups = [profile, ...profile.more_groups];
  const fewest = groups.reduce((sum, group) => sum + group.n_workers, 0);
  const most = groups.reduce(
    (sum, group) => sum + (group.max_workers ?? group.n_workers),
    0
  );
  const gpus = groups.reduce(
    (sum, group) => sum + group.worker.gpus * (group.max_workers ?? group.n_workers),
    profile.head.gpus
  );
  const workers =
    most === fewest
      ? fewest === 0
        ? trans.__('head only')
        : trans._n('%1 worker', '%1 workers', fewest)
      : trans.__('%1 to %2 workers', fewest, most);
  return gpus > 0 ? trans.__('%1 · %2 GPU', workers, gpus) : workers;
}

function resources(node: INodeResources, trans: TranslationBundle): string {
  const parts = [
    node.cpus === null ? trans.__('all CPUs') : trans._n('%1 CPU', '%1 CPUs', node.cpus)
  ];
  if (node.memory_bytes !== null) {
    parts.push(formatBytes(node.memory_bytes));
  }
  if (node.gpus > 0) {
    parts.push(trans._n('%1 GPU', '%1 GPUs', node.gpus));
  }
  return parts.join(' · ');
}
