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
  readonly onStart: (profile: string) => void;
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
  return (
    <SectionState
      live={model.live}
      isLoaded={model.profiles !== null}
      isEmpty={profiles.length === 0}
      error={model.error ?? undefined}
      onRetry={() => void model.refresh()}
      empty={
        <EmptyState text={trans.__('No profile. Write one to .rayspace/profiles.')} />
      }
    >
      <RowList
        label={trans.__('Profiles')}
        keys={profiles.map(profile => profile.name)}
      >
        {profiles.map(profile => (
          <Row
            key={profile.name}
            rowKey={profile.name}
            phase={profile.layer}
            title={profile.name}
            side={sizeOf(profile, trans)}
            facts={<span>{profile.description}</span>}
            isOpen={open === profile.name}
            onToggle={() => setOpen(open === profile.name ? '' : profile.name)}
            actions={tabIndex => (
              <IconAction
                icon={runIcon}
                label={trans.__('Start %1…', profile.name)}
                tabIndex={tabIndex}
                onClick={() => onStart(profile.name)}
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
        ))}
      </RowList>
    </SectionState>
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
