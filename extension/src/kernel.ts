/** Ask a notebook's kernel which versions it has. */

import { Notification } from '@jupyterlab/apputils';
import { NotebookPanel } from '@jupyterlab/notebook';
import { Kernel, KernelMessage } from '@jupyterlab/services';

import { Api } from './api';
import { IKernel, IKernelProbe } from './wire';

/** A kernel that says nothing within this time is sent as unknown. [ms] */
const PATIENCE_MS = 3000;

/** What the kernel of a notebook says of itself; null where it says nothing, which is no failure. */
export async function kernelOf(
  api: Api,
  panel: NotebookPanel
): Promise<IKernel | null> {
  try {
    const probe = await api.kernelProbe();
    return await askKernel(panel.sessionContext.session?.kernel, probe);
  } catch (error) {
    Notification.warning(error instanceof Error ? error.message : String(error));
    return null;
  }
}

/**
 * Run the probe in a kernel.
 *
 * @returns What it says; null where it is busy, speaks another language or says nothing.
 */
export async function askKernel(
  kernel: Kernel.IKernelConnection | null | undefined,
  probe: IKernelProbe
): Promise<IKernel | null> {
  if (!kernel || kernel.status !== 'idle') {
    return null;
  }
  const future = kernel.requestExecute(
    { code: probe.code, silent: false, store_history: false, stop_on_error: false },
    false
  );
  let answer: IKernel | null = null;
  future.onIOPub = message => {
    answer = found(message, probe.mime_type) ?? answer;
  };
  const patience = new Promise<void>(done => setTimeout(done, PATIENCE_MS));
  await Promise.race([future.done.catch(() => undefined), patience]);
  future.dispose();
  return answer;
}

function found(message: KernelMessage.IIOPubMessage, mimeType: string): IKernel | null {
  const { content } = message;
  if (
    !('data' in content) ||
    typeof content.data !== 'object' ||
    content.data === null
  ) {
    return null;
  }
  const data = content.data as Record<string, unknown>;
  const value = data[mimeType];
  return isKernel(value) ? value : null;
}

function isKernel(value: unknown): value is IKernel {
  const said = value as Partial<IKernel> | null | undefined;
  return typeof said?.python === 'string' && typeof said.python_version === 'string';
}
