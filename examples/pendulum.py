"""A chain of n pendulums on a cart: Jacobians of its equations of motion, and a Hessian-vector product of its energy.

SymPy's mechanics sets up M(q) du/dt = f(q, u) by Kane's method. Wanted are the derivatives of M and f by all
coordinates and speeds, for an implicit integrator or a trajectory optimisation; and the second derivatives of the
kinetic energy T = u.T M u / 2 along a direction. `python pendulum.py 20` takes twenty links.
"""

import sys
import time

import numpy as np
import sympy as sp
from sympy.physics.mechanics.models import n_link_pendulum_on_cart

import symgrad as sg

links = int(sys.argv[1]) if len(sys.argv) > 1 else 5
clock = time.perf_counter()
seconds = {}


def done(stage, report=""):
    """Prints the time since the last stage was done."""
    global clock
    seconds[stage] = time.perf_counter() - clock
    print(f"{stage:34s} {seconds[stage]:9.4f} s   {report}")
    clock = time.perf_counter()


kane = n_link_pendulum_on_cart(n=links, cart_force=True, joint_torques=False)
mass, forcing = kane.mass_matrix, kane.forcing
q, u = list(kane.q), list(kane.u)  # theta(t) and its speed stand for variables, as they are
state = (*q, *u)
constants = sorted((mass.free_symbols | forcing.free_symbols) - {sp.Symbol("t")}, key=str)
constants += sorted(forcing.atoms(sp.core.function.AppliedUndef) - set(state), key=str)  # the force on the cart
done("SymPy: Kane's method", f"{links} links, {len(state)} states, {len(constants)} constants")

motion = sg.Function([state, constants], [mass, forcing], name="motion")
done("from SymPy", f"{len(motion.nodes)} nodes")
jacobian = motion.jacobian(state)
done("Jacobian of M and f", f"{len(jacobian.nodes)} nodes")
energy = sg.Function([state, constants], (sp.Matrix(u).T * mass * sp.Matrix(u))[0] / 2, name="energy")
done("kinetic energy from SymPy", f"{len(energy.nodes)} nodes")
hvp = energy.hvp(state)
done("its Hessian-vector product", f"{len(hvp.nodes)} nodes")

random = np.random.default_rng(0)
x, v, c = random.normal(size=len(state)), random.normal(size=len(state)), random.uniform(0.5, 2, len(constants))
by_mass, by_forcing = jacobian(x, c)
done("Jacobian: compiled and called once", f"{by_mass.shape} and {by_forcing.shape}")
product = hvp(x, c, v)
done("Hv: compiled and called once", f"{product.shape}")
jacobian(x, c)
done("Jacobian: called again")
hvp(x, c, v)
done("Hv: called again")
