/** What a command on a node said. */
export interface NodeCommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Power of a machine: `frozen` stands still with everything in it, `off` has lost its processes and its memory. */
export type MachinePower = 'on' | 'off' | 'frozen';

/** Power over the machines of a cluster. The local lab has it; a cluster from a kubeconfig does not. */
export interface LabControl {
  /** Name of the lab. */
  readonly name: string;
  /** Name of the machine that runs the control plane. It is no Kubernetes node. */
  readonly controlPlane: string;
  /** Names of all machines, that of the control plane among them. Those of the others are their node names. */
  machines(signal?: AbortSignal): Promise<readonly string[]>;
  /**
   * Runs a command on a machine, without Kubernetes.
   *
   * @throws when there is no such machine, or after 60 s
   */
  exec(machine: string, argv: readonly string[], signal?: AbortSignal): Promise<NodeCommandResult>;
  /** Who took the power of a machine, where that is known. */
  powerOwner(machine: string): Promise<string | undefined>;
  /** How a machine is. */
  power(machine: string, signal?: AbortSignal): Promise<MachinePower>;
  /**
   * Puts a machine on, off at once like a power cut, or freezes it. Idempotent.
   *
   * @param options.restoreAfterMs put it on again by itself after this time, whoever is still alive then
   * @param options.owner who does it, kept until it is put on again; see `powerOwner`
   */
  setPower(
    machine: string,
    power: MachinePower,
    options?: { readonly restoreAfterMs?: number; readonly owner?: string; readonly signal?: AbortSignal },
  ): Promise<void>;
}
