/** The plugins of the Ray workspace. */

import { JupyterFrontEndPlugin } from '@jupyterlab/application';

import { clustersPlugin } from './clusters/plugin';
import { connectPlugin } from './connect/plugin';
import { dashboardsPlugin } from './dashboards/plugin';
import { jobsPlugin } from './jobs/plugin';
import { outputsPlugin } from './outputs/plugin';
import { panelPlugin } from './panel/plugin';
import { profilesPlugin } from './profiles/plugin';
import { runsPlugin } from './runs/plugin';
import { serverPlugin } from './server/plugin';
import { shipPlugin } from './ship/plugin';
import { startersPlugin } from './starters/plugin';
import { statusPlugin } from './status/plugin';

const plugins: JupyterFrontEndPlugin<unknown>[] = [
  serverPlugin,
  panelPlugin,
  clustersPlugin,
  jobsPlugin,
  runsPlugin,
  profilesPlugin,
  shipPlugin,
  startersPlugin,
  connectPlugin,
  dashboardsPlugin,
  statusPlugin,
  outputsPlugin
];

export default plugins;
export * from './tokens';
