/** What can be started. */

import { IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';

import { Api } from '../api';
import { toError } from '../request';
import { ILive } from '../tokens';
import { IError, IProfile } from '../wire';

/** The profiles of the project. */
export class ProfilesModel implements IDisposable {
  /**
   * @param _api The server.
   * @param live Tells the project.
   */
  constructor(
    private readonly _api: Api,
    readonly live: ILive
  ) {
    live.changed.connect(this._onLive, this);
  }

  /** Emitted when something is to be drawn anew. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** The profiles; null before they are known. */
  get profiles(): readonly IProfile[] | null {
    return this._profiles;
  }

  /** Profiles that namespaces have of their own, by target; of those that have answered. */
  get ofTargets(): ReadonlyMap<string, readonly IProfile[]> {
    return this._ofTargets;
  }

  /** Why they are not known. */
  get error(): IError | null {
    return this._error;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** Ask anew: profiles are files, and somebody may have written one. */
  async refresh(): Promise<void> {
    this._askedTargets.clear();
    this._askTargets();
    try {
      this._profiles = await this._api.profiles(this.live.path);
      this._error = null;
    } catch (error) {
      this._error = toError(error);
    }
    this._changed.emit();
  }

  dispose(): void {
    this._isDisposed = true;
    Signal.clearData(this);
  }

  private _onLive(): void {
    const asked = `${this.live.project} ${this.live.path}`;
    if (this.live.connection.kind === 'live' && asked !== this._asked) {
      this._asked = asked;
      this._ofTargets.clear();
      void this.refresh();
    } else {
      this._askTargets();
    }
  }

  /** Ask each target once that answers: nobody waits for it, nor asks one that does not. */
  private _askTargets(): void {
    if (this._asked === '' || this.live.connection.kind !== 'live') {
      return;
    }
    for (const { name, source, state } of this.live.targets) {
      const isAway =
        source === 'machine' || source === 'simulated' || state !== 'answers';
      if (!isAway && !this._askedTargets.has(name)) {
        this._askedTargets.add(name);
        void this._read(name, this._asked);
      }
    }
  }

  private async _read(target: string, asked: string): Promise<void> {
    let own: readonly IProfile[];
    try {
      const found = await this._api.profiles(this.live.path, target);
      own = found.filter(profile => profile.layer === 'namespace');
    } catch {
      // What was known stays; the clusters say why a target does not answer.
      return;
    }
    if (this._isDisposed || asked !== this._asked) {
      return;
    }
    if (own.length > 0) {
      this._ofTargets.set(target, own);
    } else {
      this._ofTargets.delete(target);
    }
    this._changed.emit();
  }

  private readonly _changed = new Signal<this, void>(this);
  private _profiles: readonly IProfile[] | null = null;
  private _error: IError | null = null;
  private _asked = '';
  private readonly _ofTargets = new Map<string, readonly IProfile[]>();
  private readonly _askedTargets = new Set<string>();
  private _isDisposed = false;
}
