/** GPUs of a cluster: those that were asked for, and those that Ray found. */

import { IClusterState, INode } from '../wire';

/** Count the GPUs that Ray found on some nodes. [1] */
export function gpusOf(nodes: readonly INode[]): number {
  return nodes.reduce((sum, node) => sum + (node.is_alive ? node.gpus : 0), 0);
}

/** Whether GPUs were asked for. */
export function asksForGpus({ spec }: IClusterState): boolean {
  const workers = [spec.worker, ...spec.more_groups.map(group => group.worker)];
  return [spec.head, ...workers].some(resources => resources.gpus > 0);
}
