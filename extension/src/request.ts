/** The one door to the server extension. */

import { ServerConnection } from '@jupyterlab/services';

import { IError } from './wire';

/** What the server says when it can't do what was asked. */
export class ResponseError extends Error {
  /**
   * @param status HTTP status; 0 when no answer came. [1]
   * @param code Kind of error, for programs.
   * @param message One sentence of fact.
   * @param hint One sentence of advice; empty for none.
   */
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly hint: string = '',
    readonly details: Readonly<Record<string, unknown>> = {}
  ) {
    super(message);
    this.name = 'ResponseError';
  }

  /** Whether the server extension is not there at all. */
  get isMissingServer(): boolean {
    return this.status === 404 && this.code === '';
  }
}

/** Options of a request. */
export interface IRequestOptions {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly body?: unknown;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly signal?: AbortSignal;
}

/** Ask the server; resolves with its JSON, or text where it sends text. */
export type Request = (path: string, options?: IRequestOptions) => Promise<unknown>;

/** Where the server extension answers, below the base URL of Jupyter. */
export const ROOT = 'rayspace/';

/**
 * Make the function that asks the server.
 *
 * @param settings Connection of the application.
 * @returns A function that throws `ResponseError`.
 */
export function requester(settings: ServerConnection.ISettings): Request {
  return async (path, options = {}) => {
    const init: RequestInit = { method: options.method ?? 'GET' };
    if (options.body !== undefined) {
      init.body = JSON.stringify(options.body);
      init.headers = { 'Content-Type': 'application/json' };
    }
    if (options.signal) {
      init.signal = options.signal;
    }
    const response = await send(
      pathUrl(settings.baseUrl, path, options.query),
      init,
      settings
    );
    const text = await response.text();
    if (!response.ok) {
      throw errorOf(response.status, text, response.statusText);
    }
    return isJson(response) ? parsed(text) : text;
  };
}

/** Write the URL of a path with its query. */
export function pathUrl(
  baseUrl: string,
  path: string,
  query: IRequestOptions['query'] = {}
): string {
  const words = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== '') {
      words.set(name, String(value));
    }
  }
  const tail = words.toString();
  return `${baseUrl}${ROOT}${path}${tail ? `?${tail}` : ''}`;
}

async function send(
  url: string,
  init: RequestInit,
  settings: ServerConnection.ISettings
): Promise<Response> {
  try {
    return await ServerConnection.makeRequest(url, init, settings);
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') {
      throw error;
    }
    throw new ResponseError(
      0,
      'server_away',
      'The Jupyter server does not answer.',
      'Look whether it still runs; the panel comes back by itself.'
    );
  }
}

function isJson(response: Response): boolean {
  return (response.headers.get('Content-Type') ?? '').includes('json');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new ResponseError(
      0,
      'not_json',
      'The server answered something that is no JSON.'
    );
  }
}

function errorOf(status: number, text: string, statusText: string): ResponseError {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return new ResponseError(
      status,
      '',
      statusText || `The server answered ${status}.`
    );
  }
  const said = (typeof body === 'object' && body !== null ? body : {}) as Record<
    string,
    unknown
  >;
  const word = (name: string): string =>
    typeof said[name] === 'string' ? said[name] : '';
  return new ResponseError(
    status,
    word('code'),
    word('message') || statusText || `The server answered ${status}.`,
    word('hint'),
    typeof said.details === 'object' && said.details !== null
      ? (said.details as Record<string, unknown>)
      : {}
  );
}

/** Turn what was thrown into what is shown. */
export function toError(error: unknown): IError {
  if (error instanceof ResponseError) {
    const { code, message, hint, details } = error;
    return { code, message, hint, details };
  }
  return {
    code: '',
    message: error instanceof Error ? error.message : String(error),
    hint: '',
    details: {}
  };
}
