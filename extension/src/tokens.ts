/** What features know of each other. */

import { Token } from '@lumino/coreutils';
import { ISignal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';

import type { Api } from './api';
import type * as wire from './wire';

/** How the panel stands to the server. */
export type Connection =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'live' }
  /** What is shown may be old. [ms since 1970] */
  | { readonly kind: 'stale'; readonly sinceMs: number }
  | { readonly kind: 'failed'; readonly error: wire.IError };

/** What the server tells, kept up to date. */
export interface ILive {
  /** Emitted after changes, once for those that come together. */
  readonly changed: ISignal<this, void>;
  /** Emitted when an operation has ended. */
  readonly operationEnded: ISignal<this, wire.IOperation>;
  /** Emitted when a job has ended that was seen before. */
  readonly jobEnded: ISignal<this, wire.IProjectJob>;
  readonly connection: Connection;
  /** What is wrong with how rayspace is installed there, though it works. */
  readonly problems: readonly wire.IError[];
  /** The project whose jobs are shown; a folder of the server's machine. */
  readonly project: string;
  /** A path of that project, as the server takes it. */
  readonly path: string;
  /** The path by which the server names that project. */
  readonly projectPath: string;
  /** All clusters by target and name; null before they are known. */
  readonly clusters: readonly wire.IClusterState[] | null;
  /** Jobs of all projects, the newest first; null before they are known. */
  readonly jobs: readonly wire.IProjectJob[] | null;
  /** Why jobs of the project can't be listed; null where they can. */
  readonly jobsProblem: wire.IError | null;
  readonly targets: readonly wire.ITargetState[];
  /** Since when a target does not answer: 0 for longer than is known, null where it does. */
  silentSinceMs(target: string): number | null;
  /** What goes on, and what ended a while ago; the newest first. */
  readonly operations: readonly wire.IOperation[];
  /** The cluster that is meant when nobody names one in the project. */
  readonly chosen: wire.IChoice;
  /** Follow the project of another folder, or of a notebook in it. */
  follow(path: string): Promise<void>;
  /** Take an operation that was just begun. */
  note(operation: wire.IOperation): void;
  /** Try again at once. */
  retry(): void;
  /** Ask for the jobs at once, where they could not be listed. */
  retryJobs(): void;
}

/** The server: what it tells, and what can be asked of it. */
export interface IServer {
  readonly api: Api;
  readonly live: ILive;
  /** Base URL of the Jupyter server. */
  readonly baseUrl: string;
  /** As set now. */
  readonly settings: ISettings;
}

/** What people set. */
export interface ISettings {
  /** Whether a notification tells that a job has ended. */
  readonly announceJobs: boolean;
  /** The profile with which the dialog of a start begins. */
  readonly defaultProfile: string;
  /** For how long "Keep" keeps a cluster. [h] */
  readonly keepHours: number;
  /** For how long a GPU may be idle before the panel warns; 0 for ever. [min] */
  readonly idleGpuMinutes: number;
  /** Whether the panel shows only jobs of the project of the notebook in front. */
  readonly followProject: boolean;
}

/** The server. */
export const IServer = new Token<IServer>(
  'rayspace:IServer',
  'The Ray workspace on the server.'
);

/** The panel in the side bar. */
export interface IPanel {
  /** Add a section. @param rank Lower ranks stand above. */
  addSection(section: Widget, rank: number): void;
  /** Show the panel. */
  reveal(): void;
}

/** The panel. */
export const IPanel = new Token<IPanel>(
  'rayspace:IPanel',
  'The Ray panel in the side bar.'
);
