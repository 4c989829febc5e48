/** The stream of changes: comes back by itself, and goes on where it was. */

import { IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';

import { isMessage, Message } from './wire';

/** First and longest pause before coming back. [ms] */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 8_000;
/** The server sends something every 10 s; after so long without, nobody is there. [ms] */
const SILENCE_MS = 25_000;

/** The part of a WebSocket that is used. */
export interface ISocket {
  onopen: ((event: Event) => void) | null;
  onmessage: ((event: MessageEvent) => void) | null;
  onclose: ((event: CloseEvent) => void) | null;
  close(): void;
  send(text: string): void;
}

/** What a stream needs from outside. */
export interface IStreamOptions {
  /** Opens a socket with a query. */
  readonly open: (query: Readonly<Record<string, string>>) => ISocket;
  /** A random number from 0 to 1, to spread the return of many. [1] */
  readonly random?: () => number;
}

/** Whether changes come, or what is held may be old. */
export type StreamState = 'connecting' | 'live' | 'broken';

/** Delivers each message once and in order. */
export class Stream implements IDisposable {
  /** @param options What it needs. */
  constructor(private readonly _options: IStreamOptions) {}

  /** Emitted with each message that tells something. */
  get message(): ISignal<this, Message> {
    return this._message;
  }

  /** Emitted when the state has changed. */
  get stateChanged(): ISignal<this, StreamState> {
    return this._stateChanged;
  }

  /** Whether changes come. */
  get state(): StreamState {
    return this._state;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /**
   * Begin, or begin anew for another project.
   *
   * @param path Folder or notebook of the project.
   */
  connect(path: string): void {
    this._path = path;
    this._epoch = '';
    this._pauseMs = FIRST_PAUSE_MS;
    this._setState('connecting');
    this._open();
  }

  /** Come back at once, where that is waited for. */
  retryNow(): void {
    if (this._state === 'broken' && !this._isDisposed) {
      this._open();
    }
  }

  /** Tell the server whether somebody looks. */
  setVisible(isVisible: boolean): void {
    this._isVisible = isVisible;
    this._sendVisible();
  }

  dispose(): void {
    this._isDisposed = true;
    this._drop();
    clearTimeout(this._retry);
    Signal.clearData(this);
  }

  private _open(): void {
    this._drop();
    clearTimeout(this._retry);
    const query: Record<string, string> = { path: this._path };
    if (this._epoch) {
      query.epoch = this._epoch;
      query.after = String(this._seq);
    }
    const socket = this._options.open(query);
    this._socket = socket;
    this._listen();
    socket.onopen = () => {
      this._isOpen = true;
      if (!this._isVisible) {
        this._sendVisible();
      }
    };
    socket.onmessage = event => this._receive(event);
    socket.onclose = () => this._break();
  }

  private _receive(event: MessageEvent): void {
    this._listen();
    let value: unknown;
    try {
      value = JSON.parse(String(event.data));
    } catch {
      return;
    }
    if (!isMessage(value)) {
      return;
    }
    const isNext =
      value.kind === 'snapshot' ||
      (value.epoch === this._epoch && value.seq === this._seq + 1);
    if (value.kind !== 'ping') {
      if (!isNext && value.epoch === this._epoch && value.seq <= this._seq) {
        return;
      }
      if (!isNext) {
        // Something was missed: only a snapshot tells all again.
        this._epoch = '';
        this._break();
        return;
      }
      this._epoch = value.epoch;
      this._seq = value.seq;
    }
    this._pauseMs = FIRST_PAUSE_MS;
    // A stream that was resumed is live with its first word, also if that is a ping.
    if (this._epoch) {
      this._setState('live');
    }
    if (value.kind !== 'ping') {
      this._message.emit(value);
    }
  }

  private _break(): void {
    this._drop();
    if (this._isDisposed) {
      return;
    }
    this._setState('broken');
    const spread = 0.75 + 0.5 * (this._options.random ?? Math.random)();
    this._retry = setTimeout(() => this._open(), this._pauseMs * spread);
    this._pauseMs = Math.min(2 * this._pauseMs, LONGEST_PAUSE_MS);
  }

  private _drop(): void {
    clearTimeout(this._watchdog);
    const socket = this._socket;
    this._socket = null;
    this._isOpen = false;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
  }

  private _listen(): void {
    clearTimeout(this._watchdog);
    this._watchdog = setTimeout(() => this._break(), SILENCE_MS);
  }

  private _sendVisible(): void {
    if (this._isOpen) {
      this._socket?.send(
        JSON.stringify({ kind: 'visible', is_visible: this._isVisible })
      );
    }
  }

  private _setState(state: StreamState): void {
    if (state !== this._state) {
      this._state = state;
      this._stateChanged.emit(state);
    }
  }

  private readonly _message = new Signal<this, Message>(this);
  private readonly _stateChanged = new Signal<this, StreamState>(this);
  private _state: StreamState = 'connecting';
  private _socket: ISocket | null = null;
  private _isOpen = false;
  private _isVisible = true;
  private _isDisposed = false;
  private _path = '';
  private _epoch = '';
  private _seq = 0;
  private _pauseMs = FIRST_PAUSE_MS;
  private _retry: ReturnType<typeof setTimeout> | undefined;
  private _watchdog: ReturnType<typeof setTimeout> | undefined;
}
