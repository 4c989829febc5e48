/** The connection to the server's half. */

import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { URLExt } from '@jupyterlab/coreutils';
import { IDocumentManager } from '@jupyterlab/docmanager';
import { ServerConnection } from '@jupyterlab/services';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { Api } from '../api';
import { Live } from '../live';
import { requester, ROOT } from '../request';
import { Settings } from '../settings';
import { Stream } from '../stream';
import { IServer } from '../tokens';
import { followFront } from './front';

/** The plugin. */
export const serverPlugin: JupyterFrontEndPlugin<IServer> = {
  id: 'rayspace:server',
  description: 'Keeps what the server tells of clusters and jobs up to date.',
  autoStart: true,
  provides: IServer,
  optional: [ITranslator, IDocumentManager, ISettingRegistry],
  activate: (
    app: JupyterFrontEnd,
    translator: ITranslator | null,
    documents: IDocumentManager | null,
    registry: ISettingRegistry | null
  ): IServer => {
    const trans = (translator ?? nullTranslator).load('rayspace');
    const connection = app.serviceManager.serverSettings;
    const settings = new Settings();
    const api = new Api(requester(connection));
    const stream = new Stream({ open: query => openSocket(connection, query) });
    const live = new Live(api, stream, trans);
    document.addEventListener('visibilitychange', () => {
      live.setVisible(!document.hidden);
      if (!document.hidden) {
        stream.retryNow();
      }
    });
    window.addEventListener('online', () => stream.retryNow());
    // Jobs are those of the project in front.
    followFront(
      app.shell,
      widget => documents?.contextForWidget(widget)?.path,
      folder => {
        if (settings.followProject) {
          void live.follow(folder);
        }
      }
    );
    const loaded = registry
      ?.load(serverPlugin.id)
      .then(found => settings.follow(found));
    void Promise.allSettled([app.started, loaded]).then(() => live.start());
    return { api, live, settings, baseUrl: connection.baseUrl };
  }
};

function openSocket(
  settings: ServerConnection.ISettings,
  query: Readonly<Record<string, string>>
): WebSocket {
  const words = new URLSearchParams(query);
  // Only where page and server have different addresses, as for kernels.
  if (settings.appendToken && settings.token) {
    words.set('token', settings.token);
  }
  const url = URLExt.join(settings.wsUrl, ROOT, 'changes');
  return new settings.WebSocket(`${url}?${words.toString()}`);
}
