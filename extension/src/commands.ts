/** Names of commands, and what they take. */

/** Names of commands. */
export const CommandIDs = {
  openPanel: 'rayspace:open-panel',
  clusterStart: 'rayspace:cluster-start',
  clusterDown: 'rayspace:cluster-down',
  clusterLog: 'rayspace:cluster-log',
  clusterConnect: 'rayspace:cluster-connect',
  rayDashboard: 'rayspace:open-ray-dashboard',
  restorePane: 'rayspace:restore-pane',
  mlflow: 'rayspace:open-mlflow',
  runOnRay: 'rayspace:run-on-ray',
  runFileOnRay: 'rayspace:run-file-on-ray',
  jobOpen: 'rayspace:job-open',
  jobLog: 'rayspace:job-log',
  starter: 'rayspace:starter'
} as const;

/** Which cluster is meant. */
export interface IClusterArgs {
  readonly target: string;
  readonly name: string;
}

/** Which job is meant. */
export interface IJobArgs {
  readonly name: string;
}

/** What the dialog of a start begins with. */
export interface IStartArgs {
  readonly profile?: string;
  readonly target?: string;
}

/** Which notebook runs, and with what. */
export interface IRunArgs {
  readonly path?: string;
  readonly parameters?: Readonly<Record<string, unknown>>;
}

/** Which notebook to begin from is copied, and where to. */
export interface IStarterArgs {
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly cwd?: string;
}

/** Which page of MLflow opens. */
export interface IMlflowArgs {
  readonly link?: string;
  readonly title?: string;
}

/** Which pane is shown again after a reload. */
export interface IPaneArgs {
  readonly id: string;
}

const TEXT = { type: 'string' } as const;

/** Schema of `IClusterArgs`. */
export const CLUSTER_SCHEMA = {
  args: {
    type: 'object',
    properties: {
      target: { ...TEXT, description: 'Where the cluster is' },
      name: { ...TEXT, description: 'Name of the cluster' }
    },
    required: ['target', 'name']
  }
} as const;

/** Schema of `IJobArgs`. */
export const JOB_SCHEMA = {
  args: {
    type: 'object',
    properties: { name: { ...TEXT, description: 'Name of the job' } },
    required: ['name']
  }
} as const;

/** Schema of `IStartArgs`. */
export const START_SCHEMA = {
  args: {
    type: 'object',
    properties: {
      profile: { ...TEXT, description: 'The profile to begin with' },
      target: { ...TEXT, description: 'Where; by default as the profile says' }
    }
  }
} as const;

/** Schema of `IRunArgs`. */
export const RUN_SCHEMA = {
  args: {
    type: 'object',
    properties: {
      path: { ...TEXT, description: 'The notebook; by default the one in front' },
      parameters: {
        type: 'object',
        description: 'Values to begin with, by name',
        additionalProperties: true
      }
    }
  }
} as const;

/** Schema of `IStarterArgs`. */
export const STARTER_SCHEMA = {
  args: {
    type: 'object',
    properties: {
      name: { ...TEXT, description: 'The notebook to begin from' },
      title: { ...TEXT, description: 'Its title' },
      description: { ...TEXT, description: 'What it does' },
      cwd: { ...TEXT, description: 'The folder; by default that of the file browser' }
    },
    required: ['name']
  }
} as const;

/** Schema of `IMlflowArgs`. */
export const MLFLOW_SCHEMA = {
  args: {
    type: 'object',
    properties: {
      link: { ...TEXT, description: 'Below the base URL; by default all experiments' },
      title: { ...TEXT, description: 'Title of the pane' }
    }
  }
} as const;

/** Schema of `IPaneArgs`. */
export const PANE_SCHEMA = {
  args: {
    type: 'object',
    properties: { id: { ...TEXT, description: 'Id of the pane' } },
    required: ['id']
  }
} as const;

/** Schema of commands that take nothing. */
export const NO_ARGS = { args: { type: 'object', properties: {} } } as const;
