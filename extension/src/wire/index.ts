/** JSON as the server sends it; `workspace/rayspace/server/openapi.yaml` says what each means. */

export * from './cluster';
export * from './common';
export * from './job';
export * from './profile';
export * from './run';
export * from './starter';
export * from './stream';
