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

  /** Why they are not known. */
  get error(): IError | null {
    return this._error;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** Ask anew: profiles are files, and somebody may have written one. */
  async refresh(): Promise<void> {
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
      void this.refresh();
    }
  }

  private readonly _changed = new Signal<this, void>(this);
  private _profiles: readonly IProfile[] | null = null;
  private _error: IError | null = null;
  private _asked = '';
  private _isDisposed = false;
}
