/** What the rows of clusters ask for. */

import { IOperation, IWorkersWish } from '../wire';
import { IClusterRow } from './model';

/** What can be done with a cluster. */
export interface IClusterActions {
  openDashboard(row: IClusterRow): void;
  connect(row: IClusterRow): void;
  openLog(row: IClusterRow): void;
  use(row: IClusterRow): void;
  scale(row: IClusterRow, change: IWorkersWish): void;
  suspend(row: IClusterRow): void;
  resume(row: IClusterRow): void;
  extend(row: IClusterRow): void;
  /** Stop waiting for it; it goes on. */
  letBe(operation: IOperation): void;
  down(row: IClusterRow): void;
}
