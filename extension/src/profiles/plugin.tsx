/** Profiles: start a cluster from one. */

import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { refreshIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { CommandIDs } from '../commands';
import { makeSection } from '../components/section';
import { IPanel, IServer } from '../tokens';
import { ProfilesModel } from './model';
import { ProfilesSection } from './section';

/** The plugin. */
export const profilesPlugin: JupyterFrontEndPlugin<void> = {
  id: 'rayspace:profiles',
  description: 'Shows in the panel what can be started.',
  autoStart: true,
  requires: [IServer, IPanel],
  optional: [ITranslator],
  activate: (
    app: JupyterFrontEnd,
    server: IServer,
    panel: IPanel,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load('rayspace');
    const model = new ProfilesModel(server.api, server.live);
    panel.addSection(
      makeSection({
        id: 'profiles',
        title: trans.__('Profiles'),
        trans,
        tools: [
          {
            name: 'refresh',
            icon: refreshIcon,
            label: trans.__('Read the profiles anew'),
            onClick: () => void model.refresh()
          }
        ],
        draw: () => (
          <ProfilesSection
            model={model}
            onStart={(profile, target) =>
              void app.commands.execute(CommandIDs.clusterStart, { profile, target })
            }
          />
        )
      }),
      40
    );
  }
};
