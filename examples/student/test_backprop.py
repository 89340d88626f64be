from backprop import backward


def test_backward(gradients):
    gradients.check_backprop(backward, least_layers=2, most_layers=2)
