/** Nodes and GPUs of an open cluster: what they do now, and did in the last minutes. */

import * as React from 'react';

import { Sparkline } from '../components/sparkline';
import { useTrans } from '../components/trans';
import { formatAge, formatBytes, formatFraction } from '../units';
import { IGpuCourse, IGpuSample, INode, INodeCourse } from '../wire';

/** Properties of `Nodes`. */
export interface INodesProps {
  readonly nodes: readonly INode[];
  readonly courses: readonly INodeCourse[];
}

/** Draw a table of nodes, each with its GPUs below it. */
export function Nodes({ nodes, courses }: INodesProps): React.ReactElement {
  const trans = useTrans();
  const spanS = Math.max(0, ...courses.map(course => course.span_s));
  return (
    <table className="rayspace-Nodes">
      <thead>
        <tr>
          <th scope="col">{trans.__('Node')}</th>
          <th scope="col">
            {spanS > 0 ? trans.__('In use, %1', formatAge(spanS)) : trans.__('In use')}
          </th>
          <th scope="col">{trans.__('Memory')}</th>
        </tr>
      </thead>
      <tbody>
        {nodes.map(node => (
          <NodeRows
            key={node.node_id}
            node={node}
            course={courses.find(course => course.node_id === node.node_id)}
          />
        ))}
      </tbody>
    </table>
  );
}

interface INodeRowsProps {
  readonly node: INode;
  readonly course: INodeCourse | undefined;
}

function NodeRows({ node, course }: INodeRowsProps): React.ReactElement {
  const trans = useTrans();
  const name = node.name || (node.is_head ? trans.__('head') : trans.__('worker'));
  return (
    <>
      <tr data-alive={node.is_alive}>
        <th scope="row" title={`${node.hostname} ${node.ip}`}>
          {name} <span className="rayspace-muted">{node.ip}</span>
        </th>
        <td>
          <Use
            fraction={node.cpu_used_fraction}
            label={trans.__(
              '%1 of %2 CPUs',
              formatFraction(node.cpu_used_fraction),
              node.cpus
            )}
            values={course?.cpu_fractions}
            name={name}
          />
        </td>
        <td>
          <Memory usedBytes={node.memory_used_bytes} bytes={node.memory_total_bytes} />
        </td>
      </tr>
      {node.gpu_samples.map(gpu => (
        <GpuRow
          key={gpu.key}
          gpu={gpu}
          node={name}
          course={course?.gpus.find(one => one.key === gpu.key)}
        />
      ))}
    </>
  );
}

interface IGpuRowProps {
  readonly gpu: IGpuSample;
  readonly node: string;
  readonly course: IGpuCourse | undefined;
}

function GpuRow({ gpu, node, course }: IGpuRowProps): React.ReactElement {
  const trans = useTrans();
  const number = gpu.key.replace('gpu_', '').replace('_mig_', '/') || gpu.gpu_index;
  const title = trans.__('GPU %1', number);
  const more = [
    gpu.name,
    gpu.power_w !== null && `${Math.round(gpu.power_w)} W`,
    gpu.temperature_c !== null && `${Math.round(gpu.temperature_c)} °C`,
    gpu.n_processes !== null && trans._n('%1 process', '%1 processes', gpu.n_processes),
    course && course.idle_s >= 60 && trans.__('idle for %1', formatAge(course.idle_s))
  ].filter(Boolean);
  return (
    <tr>
      <th scope="row" className="rayspace-Nodes-gpu" title={more.join(' · ')}>
        {title} <span className="rayspace-muted">{gpu.name}</span>
      </th>
      <td>
        {gpu.busy_fraction === null ? (
          <span title={trans.__('The driver does not tell.')}>–</span>
        ) : (
          <Use
            fraction={gpu.busy_fraction}
            label={trans.__('busy %1 of the time', formatFraction(gpu.busy_fraction))}
            values={course?.busy_fractions}
            name={`${node} ${title}`}
          />
        )}
      </td>
      <td>
        <Memory usedBytes={gpu.memory_used_bytes} bytes={gpu.memory_total_bytes} />
      </td>
    </tr>
  );
}

interface IUseProps {
  /** The share now. [1] */
  readonly fraction: number;
  readonly label: string;
  /** Shares before, the oldest first; null where nobody knows. [1] */
  readonly values: readonly (number | null)[] | undefined;
  readonly name: string;
}

/** Draw how much is in use, and how it went; a bar where that is not known yet. */
function Use({ fraction, label, values, name }: IUseProps): React.ReactElement {
  const trans = useTrans();
  if (!values || values.length < 2) {
    return <Meter fraction={fraction} label={label} />;
  }
  return (
    <span className="rayspace-Meter" title={label}>
      <span className="rayspace-Meter-text">{formatFraction(fraction)}</span>
      <Sparkline
        values={values.map(value => value ?? NaN)}
        range={[0, 1]}
        label={trans.__('Use of %1 in the last minutes', name)}
      />
    </span>
  );
}

interface IMemoryProps {
  /** What is used. [bytes] */
  readonly usedBytes: number | null;
  /** What there is. [bytes] */
  readonly bytes: number | null;
}

function Memory({ usedBytes, bytes }: IMemoryProps): React.ReactElement {
  const trans = useTrans();
  if (usedBytes === null || !bytes) {
    return <span>–</span>;
  }
  return (
    <Meter
      fraction={usedBytes / bytes}
      label={trans.__('%1 of %2', formatBytes(usedBytes), formatBytes(bytes))}
    />
  );
}

interface IMeterProps {
  /** The share. [1] */
  readonly fraction: number;
  readonly label: string;
}

function Meter({ fraction, label }: IMeterProps): React.ReactElement {
  const share = Math.min(1, Math.max(0, fraction));
  return (
    <span className="rayspace-Meter" title={label}>
      <span className="rayspace-Meter-text">{formatFraction(share)}</span>
      <span className="rayspace-Meter-bar" aria-hidden="true">
        <span
          style={{ width: `${share * 100}%` }}
          data-high={share > 0.9 || undefined}
        />
      </span>
    </span>
  );
}
