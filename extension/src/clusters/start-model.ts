/** What the dialog of a start asks and shows: a wish, and what would come of it. */

import { IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';

import { Api } from '../api';
import { soon } from '../components/soon';
import { Planner } from '../planner';
import { toError } from '../request';
import {
  IClusterPlan,
  IClusterWish,
  IError,
  IKernel,
  IProfile,
  IReplaced
} from '../wire';

/** A wish for a cluster, as it is typed; empty text is as the profile says. */
export interface IStartForm {
  readonly profile: string;
  readonly name: string;
  readonly target: string;
  readonly workers: string;
  readonly gpus: string;
  readonly queue: string;
}

/** The form of a start, with the plan for what is typed. */
export class StartModel implements IDisposable {
  /**
   * @param _api The server.
   * @param path A path of the project.
   * @param profile The profile to begin with.
   * @param kernel Of the notebook in front, with which the cluster must get on; null for none.
   * @param target Where; empty for as the profile says.
   */
  constructor(
    private readonly _api: Api,
    readonly path: string,
    profile: string,
    private readonly _kernel: IKernel | null = null,
    target = ''
  ) {
    this._form = { profile, name: '', target, workers: '', gpus: '', queue: '' };
  }

  /** Emitted when something is to be drawn anew. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get form(): IStartForm {
    return this._form;
  }

  /** What can be started; null before it is known. */
  get profiles(): readonly IProfile[] | null {
    return this._profiles;
  }

  /** The profile that is chosen. */
  get profile(): IProfile | undefined {
    return this._profiles?.find(profile => profile.name === this._form.profile);
  }

  /** What would come of it; null before that is known, and while the wish is wrong. */
  get plan(): IClusterPlan | null {
    return this._planner.plan;
  }

  /** Why the wish is wrong; null when it is not. */
  get error(): IError | null {
    return this._planner.error;
  }

  get isPlanning(): boolean {
    return this._planner.isPlanning;
  }

  /** Whether it could never come up as things are; it can be tried all the same. */
  get isHopeless(): boolean {
    return this.plan?.problems.some(problem => problem.is_final) ?? false;
  }

  /** The cluster that would be deleted for it; null for none. */
  get replaced(): IReplaced | null {
    return this.plan?.replaced ?? null;
  }

  /**
   * Wait for the plan of what is typed, but not for long.
   *
   * @returns Whether it is known.
   */
  async settled(): Promise<boolean> {
    await soon(this._planner.settled());
    return !this._planner.isPlanning;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** Ask for the profiles, and for the first plan. */
  async load(): Promise<void> {
    try {
      this._profiles = await this._api.profiles(this.path, this._form.target);
      if (!this.profile && this._profiles[0]) {
        this._form = { ...this._form, profile: this._profiles[0].name };
      }
      this._planner.ask();
    } catch (error) {
      this._planner.error = toError(error);
    }
    this._emit();
  }

  /** Take what was typed; the plan follows when nobody types any more. */
  set(change: Partial<IStartForm>): void {
    const { target } = this._form;
    this._form = { ...this._form, ...change };
    this._planner.askSoon();
    if (this._form.target !== target) {
      void this._readProfiles(this._form.target);
    }
  }

  /** The wish as the server takes it. */
  wish(): IClusterWish {
    const { profile, name, target, workers, gpus, queue } = this._form;
    return {
      path: this.path,
      kernel: this._kernel,
      profile,
      name: name.trim() || null,
      target: target || null,
      workers: wholeNumber(workers),
      gpus: wholeNumber(gpus),
      queue: queue.trim() || null
    };
  }

  dispose(): void {
    this._isDisposed = true;
    this._planner.cancel();
    Signal.clearData(this);
  }

  /** A namespace may have profiles of its own. */
  private async _readProfiles(target: string): Promise<void> {
    try {
      const profiles = await this._api.profiles(this.path, target);
      if (target !== this._form.target) {
        return;
      }
      this._profiles = profiles;
      if (!this.profile && profiles[0]) {
        this._form = { ...this._form, profile: profiles[0].name };
        this._planner.askSoon();
      }
      this._emit();
    } catch {
      // Why it does not answer is said of the plan.
    }
  }

  private _emit(): void {
    if (!this._isDisposed) {
      this._changed.emit();
    }
  }

  private readonly _changed = new Signal<this, void>(this);
  private readonly _planner = new Planner<IClusterPlan>(
    signal => this._api.planCluster(this.wish(), signal),
    () => this._emit()
  );
  private _form: IStartForm;
  private _profiles: readonly IProfile[] | null = null;
  private _isDisposed = false;
}

/** Read a count; null for nothing. A word that is no count goes to the server, which says so. */
function wholeNumber(text: string): number | null {
  const trimmed = text.trim();
  return trimmed === '' ? null : Number(trimmed);
}
